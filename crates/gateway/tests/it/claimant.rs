//! Whoever owns a key and wants names with it.

use pageport_link::{Session, Stream};
use pageport_proto::claim::{Key, PrivateKey, Seed, Slot, Statement, Subject, derive};
use pageport_proto::head::{Claim, Kind, Listen, Listening, Reply, Request};
use pageport_proto::name::Name;

use crate::client::soon;
use crate::door::Door;

/// A key, and where its owner thinks the gateway is.
pub(crate) struct Claimant {
    pub(crate) key: PrivateKey,
    pub(crate) origin: String,
}

impl Claimant {
    pub(crate) fn new(door: &Door, seed: u8) -> Claimant {
        let key = PrivateKey::new(&Seed::new([seed; 32]));
        Claimant { key, origin: format!("http://{}:{}", door.host, door.address.port()) }
    }

    /// A claim for whatever is written, be it a name or not.
    pub(crate) fn claim(&self, session: &Session, subject: &str) -> Claim {
        let (session, nonce) = session.claimant().expect("attached");
        let subject = Subject::parse(subject).expect("a name, or a port");
        let statement =
            Statement { origin: &self.origin, session: &session, nonce: &nonce, subject: &subject };
        self.key.claim(&statement, None)
    }

    /// A random name of this key, and its claim.
    pub(crate) fn random(&self, session: &Session) -> (Name, Claim) {
        let (name, slot) = random_name(&self.key.public());
        let claim = self.claim(session, name.as_str());
        (name, Claim { slot: Some(slot), ..claim })
    }

    /// Claims a name and listens under it.
    pub(crate) async fn listen(&self, session: &Session, name: &str) -> Result<Stream, String> {
        let claim = self.claim(session, name);
        listen(session, Kind::WebSocket, name, Some(claim)).await
    }
}

/// The first slot that gives a name.
pub(crate) fn random_name(key: &Key) -> (Name, Slot) {
    let mut slots = (0..=u8::MAX).map(|byte| Slot::new([byte; 16]));
    slots.find_map(|slot| Some((derive(key, &slot)?, slot))).expect("some slot gives a name")
}

/// Asks for a name: the listener, or the code of the refusal.
pub(crate) async fn listen(
    session: &Session,
    kind: Kind,
    name: &str,
    claim: Option<Claim>,
) -> Result<Stream, String> {
    let wish = Listen { name: Some(name.to_owned()), claim, ..Listen::new(kind) };
    let mut stream = session.open(&Request::Listen(wish)).expect("opens");
    let reply = soon(stream.reply()).await.map_err(|error| error.to_string())?;
    match Reply::<Listening>::parse(&reply).expect("a good reply") {
        Reply::Ok(listening) => {
            assert_eq!(listening.name, name);
            Ok(stream)
        }
        Reply::Refused(refusal) => Err(refusal.error),
    }
}

/// Why a listener was taken away.
pub(crate) async fn reset(mut listener: Stream) -> String {
    soon(listener.read_chunk()).await.expect_err("a reset").to_string()
}
