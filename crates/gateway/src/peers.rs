//! Opaque ids of visitors' addresses: a page can tell its visitors apart, and learns nothing of where they are. The key lives as
//! long as the gateway, so ids of different runs, and of different listeners, have nothing in common.

use std::fmt::Display;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pageport_proto::hello::SessionId;
use sha2::{Digest, Sha256};

pub(crate) struct Peers {
    key: [u8; 32],
}

impl Peers {
    pub(crate) fn new() -> Result<Peers, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Peers { key })
    }

    /// The id of an address for one listener, a name or `:` and a port: 96 bits in base64url.
    pub(crate) fn id(&self, listener: impl Display, address: IpAddr) -> String {
        self.opaque(listener, address.to_canonical())
    }

    /// The id of a session for one listener.
    pub(crate) fn id_of_session(&self, listener: impl Display, session: &SessionId) -> String {
        self.opaque(listener, session)
    }

    fn opaque(&self, listener: impl Display, whose: impl Display) -> String {
        let hash = Sha256::new()
            .chain_update(self.key)
            // Neither a name nor a port has a zero byte, so listener and address cannot run into each other.
            .chain_update(listener.to_string())
            .chain_update([0])
            .chain_update(whose.to_string())
            .finalize();
        URL_SAFE_NO_PAD.encode(&hash[..12])
    }
}

#[cfg(test)]
mod tests {
    use pageport_proto::name::Name;

    use super::*;

    #[test]
    fn an_id_is_stable_for_one_listener_and_different_for_another() {
        let [peers, other_run] = [Peers::new(), Peers::new()].map(|peers| peers.expect("randomness"));
        let [a, b] = ["aaa", "bbb"].map(|name| Name::parse(name).expect("name"));
        let [v4, mapped] = ["192.0.2.7", "::ffff:192.0.2.7"].map(|text| text.parse().expect("address"));
        assert_eq!(peers.id(&a, v4), peers.id(&a, mapped));
        assert_ne!(peers.id(&a, v4), peers.id(&b, v4));
        assert_ne!(peers.id(&a, v4), other_run.id(&a, v4));
        assert!(!peers.id(&a, v4).contains("192"));
    }
}
