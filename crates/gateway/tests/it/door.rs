//! A gateway for one test, on ports of its own.

use std::net::SocketAddr;

use pageport_gateway::{Config, Gateway, Handle};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Answer, Client, soon};

/// A token that may listen, in every configuration here.
pub(crate) const TOKEN: &str = "a-token-for-tests";

/// A gateway that runs until it is closed or dropped.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    /// The Host of the gateway itself.
    pub(crate) host: String,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) admin: SocketAddr,
    pub(crate) handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// An address where nobody listens, nor will anybody while this lives: a port that were only free could soon be another's.
pub(crate) fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

/// A gateway with free ports and these lines in its configuration; `TOKEN` may listen.
pub(crate) fn open(lines: &str) -> Door {
    run(config(lines))
}

/// The same with another base domain, which stands in the lines too.
pub(crate) fn open_at(host: &str, lines: &str) -> Door {
    open(lines).called(host)
}

/// The configuration of [`open`].
pub(crate) fn config(lines: &str) -> Config {
    let token = token_section("test", TOKEN, "[\"listen\"]");
    let text = format!("listen = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n{lines}\n{token}");
    Config::parse("test.toml", &text, std::iter::empty()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A token in a configuration.
pub(crate) fn token_section(name: &str, token: &str, may: &str) -> String {
    let hash = pageport_gateway::front::credential::sha256(token.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[[token]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nmay = {may}\n")
}

/// A gateway as `pageport dev` runs it.
pub(crate) fn open_dev() -> Door {
    run(Config::dev(Some("0"), Some("127.0.0.1:0"), std::iter::empty()).expect("dev configuration"))
}

fn run(config: Config) -> Door {
    let gateway = Gateway::bind(config).expect("free ports");
    let (stop, stopped) = oneshot::channel();
    let addresses = gateway.addresses().to_vec();
    let (admin, handle) = (gateway.admin_address(), gateway.handle());
    let task = tokio::spawn(gateway.run(async {
        let _ = stopped.await;
    }));
    Door {
        address: addresses[0],
        host: "localhost".to_owned(),
        addresses,
        admin,
        handle,
        stop: Some(stop),
        task,
    }
}

impl Door {
    /// The same, asked for by another Host.
    pub(crate) fn called(self, host: &str) -> Door {
        Door { host: host.to_owned(), ..self }
    }

    /// Sends one request and reads the answer.
    pub(crate) async fn ask(&self, request: &str) -> Answer {
        Client::connect(self.address).await.ask(request).await
    }

    /// GET of a path on the gateway itself.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host)).await
    }

    /// Asks the admin listener until its metrics have this line.
    pub(crate) async fn until(&self, line: &str) {
        let asking = async {
            loop {
                let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
                if Client::connect(self.admin)
                    .await
                    .ask(request)
                    .await
                    .body
                    .lines()
                    .any(|found| found == line)
                {
                    return;
                }
            }
        };
        soon(asking).await;
    }

    /// What a line of the metrics says now; 0 while there is none.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let answer = Client::connect(self.admin).await.ask(request).await;
        let value = answer.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().expect("a number"))
    }

    /// Begins to drain; the returned task ends when the gateway has.
    pub(crate) fn close(mut self) -> JoinHandle<()> {
        if let Some(stop) = self.stop.take() {
            stop.send(()).expect("the gateway runs");
        }
        self.task
    }
}
