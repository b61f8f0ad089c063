//! Any header and claims of a token, signed as they are: what is accepted is for this gateway, ends soon, and asks for no more than its
//! issuer may give. Unsigned it is never accepted.
#![no_main]

use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use pageport_gateway::front::grants::{Grants, Kinds, Pattern};
use pageport_gateway::front::jwt::{self, Issuer, Issuers};
use pageport_proto::claim::{PrivateKey, Seed};

const NOW: u64 = 1_800_000_000;
const AUDIENCE: &str = "https://gw.example";
const OTHER: &str = "https://other.example";
const LIFETIME: u64 = 3_600;

// Header and claims, with a line's end between them.
fuzz_target!(|data: &[u8]| {
    let Some(at) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (header, claims) = (&data[..at], &data[at + 1..]);
    let key = PrivateKey::new(&Seed::new([7; 32]));
    let bounds = Grants {
        connect: false,
        kinds: Kinds { tcp: false, ..Kinds::ALL },
        names: Pattern::parse("app-*").map(|pattern| vec![pattern]),
        listeners: Some(2),
        ..Grants::all()
    };
    let lifetime = Duration::from_secs(LIFETIME);
    let issuer = Issuer { name: "app".into(), key: key.public(), lifetime, bounds };
    let issuers = Issuers(vec![issuer]);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let token = jwt::sign_parts(&key, header, claims);
    let cut = token.rfind('.').map_or("", |end| &token[..=end]);
    assert!(issuers.verify(cut, AUDIENCE, now).is_err());
    let Ok(issued) = issuers.verify(&token, AUDIENCE, now) else { return };
    // It may name several audiences, also by escapes.
    let names_other =
        claims.contains(&b'\\') || claims.windows(OTHER.len()).any(|part| part == OTHER.as_bytes());
    assert!(names_other || issuers.verify(&token, OTHER, now).is_err());
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + 2 * LIFETIME);
    assert!(issuers.verify(&token, AUDIENCE, end).is_err());
    assert!((1..=128).contains(&issued.subject.chars().count()));
    let grants = issued.grants;
    assert!(!grants.connect && !grants.kinds.tcp);
    assert!(grants.listeners.is_some_and(|listeners| listeners <= 2));
    let names = grants.names.expect("no more names than its issuer may give");
    assert!(names.iter().all(|name| name.to_string().starts_with("app-")));
});
