//! How a gateway is reached from outside: scheme, base domain and port, and the URLs made of them.

use pageport_proto::name::Name;

/// Where visitors and pages find this gateway. Not necessarily where it listens: something in front may end TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicAddress {
    /// Whether visitors use `https` and `wss`.
    pub secure: bool,
    /// The base domain, lower case.
    pub base: Box<str>,
    /// The port that visitors connect to.
    pub port: u16,
}

impl PublicAddress {
    /// Its origin: `http://localhost:7070`
    #[must_use]
    pub fn site(&self) -> String {
        self.origin("http", &self.base)
    }

    /// The origin by another name of the same gateway: `http://127.0.0.1:7070`
    #[must_use]
    pub fn site_at(&self, host: &str) -> String {
        self.origin("http", host)
    }

    /// `http://localhost:7070/`
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/", self.origin("http", &self.base))
    }

    /// Where pages attach by WebSocket.
    #[must_use]
    pub fn link_websocket(&self) -> String {
        format!("{}/link", self.origin("ws", &self.base))
    }

    /// Where programs attach by `Upgrade: pageport.v1`.
    #[must_use]
    pub fn link_bytes(&self) -> String {
        format!("{}/link", self.origin("http", &self.base))
    }

    /// Where the requests go that carry messages `up` or `down`.
    #[must_use]
    pub fn link_http(&self, direction: &str) -> String {
        format!("{}/link/{direction}", self.origin("http", &self.base))
    }

    /// Where pages attach by WebTransport, always over TLS.
    #[must_use]
    pub fn link_webtransport(&self) -> String {
        let secure = PublicAddress { secure: true, ..self.clone() };
        format!("{}/link", secure.origin("http", &self.base))
    }

    /// A listener's own URL without a path: `ws://name.localhost:7070`.
    #[must_use]
    pub fn listener(&self, name: &Name) -> String {
        self.origin("ws", &format!("{name}.{}", self.base))
    }

    /// The same for a listener that takes requests: `http://name.localhost:7070`.
    #[must_use]
    pub fn listener_http(&self, name: &Name) -> String {
        self.origin("http", &format!("{name}.{}", self.base))
    }

    /// The same listener by path: `ws://localhost:7070/@name/`.
    #[must_use]
    pub fn listener_by_path(&self, name: &Name) -> String {
        format!("{}/@{name}/", self.origin("ws", &self.base))
    }

    /// For people: both forms with a placeholder for the name.
    #[must_use]
    pub fn patterns(&self) -> [String; 2] {
        let own = self.origin("http", &format!("{{name}}.{}", self.base));
        [format!("{own}/"), format!("{}/@{{name}}/", self.origin("ws", &self.base))]
    }

    fn origin(&self, scheme: &str, host: &str) -> String {
        let (secure, default) = if self.secure { ("s", 443) } else { ("", 80) };
        if self.port == default {
            format!("{scheme}{secure}://{host}")
        } else {
            format!("{scheme}{secure}://{host}:{}", self.port)
        }
    }
}
