//! `pageport token key|mint`: keys of issuers, and tokens that they sign. Private keys go to files that are their owner's alone, and
//! never to stdout.

use std::io::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use pageport_gateway::config::{self, LIFETIME_MAX};
use pageport_gateway::front::grants::{Asked, Grants};
use pageport_gateway::front::jwt::{self, Audience, Claims};
use pageport_gateway::front::origin::Origin;
use pageport_link::key_file;
use pageport_proto::claim::{PrivateKey, Seed};
use serde_json::json;

use crate::cli::{KeyFlags, MintFlags};
use crate::failure::Failure;

/// Makes a key pair.
pub(crate) fn key(flags: &KeyFlags) -> Result<(), Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Failure::Runtime(io::Error::other(error)))?;
    let seed = Seed::new(seed);
    let file = &flags.out;
    key_file::write(file, &seed).map_err(|error| Failure::Key { path: file.clone(), error })?;
    let key = PrivateKey::new(&seed).public();
    if flags.json {
        let line = json!({ "issuer": flags.issuer, "key": key, "file": file.display().to_string() });
        return say(&format!("{line}\n"));
    }
    let issuer = toml_text(&flags.issuer);
    say(&format!(
        "# The private key is in {}. This goes into the gateway's configuration:\n\n[[issuer]]\nname = {issuer}\nkey = \"{key}\"\n\
         may = [\"listen\"]\n# What tokens may allow at most: kinds, names, listeners, rate, origins; lifetime = \"1h\".\n",
        file.display()
    ))
}

/// Issues a token.
pub(crate) fn mint(flags: MintFlags) -> Result<(), Failure> {
    let seed = key_file::read(&flags.key).map_err(|error| Failure::Key { path: flags.key.clone(), error })?;
    let wrong = |what: &'static str, value: &str| Failure::Argument { what, value: value.to_owned() };
    let lifetime = config::parse_duration(&flags.lifetime).filter(|lifetime| *lifetime <= LIFETIME_MAX);
    let lifetime = lifetime.ok_or_else(|| wrong("--lifetime is at most 24h", &flags.lifetime))?;
    if Origin::parse(&flags.audience).is_none() {
        return Err(wrong("--audience is the gateway's origin, without a path", &flags.audience));
    }
    let MintFlags { may, kinds, names, listeners, rate, origins, .. } = flags;
    let asked = Asked { may, kinds, names, listeners, rate, origins };
    if Grants::all().within(&asked).is_none() {
        return Err(wrong("no gateway understands this", &serde_json::to_string(&asked).unwrap_or_default()));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let claims = Claims {
        iss: flags.issuer,
        sub: flags.subject,
        aud: Audience::One(flags.audience),
        exp: now + lifetime.as_secs(),
        nbf: None,
        pageport: asked,
    };
    let token = jwt::sign(&PrivateKey::new(&seed), &claims);
    if flags.json {
        return say(&format!("{}\n", json!({ "token": token, "expires": claims.exp })));
    }
    say(&format!("{token}\n"))
}

fn toml_text(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn say(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}
