//! `pageport expose`: a service of this machine at a public address.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::thread;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Place, Running};

/// A gateway, and a service behind it.
pub(crate) struct Exposed {
    pub(crate) place: Place,
    pub(crate) dev: Running,
    pub(crate) gateway: String,
    pub(crate) expose: Running,
    pub(crate) listening: Value,
}

impl Exposed {
    pub(crate) fn new(target: SocketAddr, flags: &[&str]) -> Exposed {
        let place = Place::new();
        let mut dev = place.start(&["dev", "--listen", "0", "--json"]);
        let gateway = dev.ready()["url"].as_str().unwrap().to_owned();
        let target = target.to_string();
        let arguments = [&["expose", &target, "--gateway", &gateway, "--json"], flags].concat();
        let mut expose = place.start(&arguments);
        let listening = expose.ready();
        assert_eq!((&listening["event"], &listening["target"]), (&"listening".into(), &target.into()));
        Exposed { place, dev, gateway, expose, listening }
    }

    pub(crate) fn url(&self) -> &str {
        self.listening["url"].as_str().unwrap()
    }

    /// `pageport connect` to it. Its port is its own address, for which no gateway is asked.
    pub(crate) fn connect(&self) -> Command {
        let gateway = ["--gateway", &self.gateway];
        let gateway = if self.url().starts_with("tcp:") { &[][..] } else { &gateway };
        self.place.command(&[&["connect", self.url()], gateway].concat())
    }

    fn visit(&self) -> TcpStream {
        let port = u16::try_from(self.listening["port"].as_u64().unwrap()).unwrap();
        TcpStream::connect(("127.0.0.1", port)).unwrap()
    }
}

/// A service that answers with what it got, once it has got everything.
pub(crate) fn answering() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let (mut stream, mut all) = (stream.unwrap(), Vec::new());
                stream.read_to_end(&mut all).unwrap();
                stream.write_all(&all).unwrap();
            });
        }
    });
    address
}

#[test]
fn a_tcp_service_gets_a_public_port_and_each_direction_ends_on_its_own() {
    let mut exposed = Exposed::new(answering(), &["--tcp"]);
    let port = exposed.listening["port"].as_u64().unwrap();
    assert!((7100..=7199).contains(&port) && exposed.url() == format!("tcp://localhost:{port}"), "{port}");
    let mut visitor = exposed.visit();
    visitor.write_all(&[7; 300_000]).unwrap();
    visitor.shutdown(Shutdown::Write).unwrap();
    let mut all = Vec::new();
    visitor.read_to_end(&mut all).unwrap();
    assert_eq!(all, [7; 300_000]);
    let line = exposed.expose.ready();
    assert_eq!(
        (&line["event"], &line["number"], &line["what"]),
        (&"visitor".into(), &1.into(), &"tcp".into())
    );
    assert_eq!((&line["received"], &line["sent"]), (&300_000.into(), &300_000.into()));
    assert_eq!(line.get("error"), None);
    exposed.expose.signal(Signal::TERM);
    let end = exposed.expose.end();
    assert_eq!((end.code, end.stdout.as_str()), (Some(0), ""), "{end:?}");
}

#[test]
fn a_service_that_is_down_or_breaks_off_is_a_reset() {
    let breaking = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut exposed = Exposed::new(breaking.local_addr().unwrap(), &["--tcp"]);
    let reset = |mut visitor: TcpStream| {
        visitor
            .read_to_end(&mut Vec::new())
            .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    };
    let mut visitor = exposed.visit();
    visitor.write_all(b"half a question").unwrap();
    let (mut service, _) = breaking.accept().unwrap();
    service.read_exact(&mut [0; 4]).unwrap();
    // Closing over unread bytes resets the connection.
    drop(service);
    assert!(reset(visitor), "broken off");
    drop(breaking);
    assert!(reset(exposed.visit()), "down");
    for _ in 0..2 {
        assert!(exposed.expose.ready()["error"].is_string());
    }
}

/// A port below those that systems draw for outgoing connections, so that it stays free for a gateway that comes back.
fn free_port() -> u16 {
    let first = 21_000 + u16::try_from(std::process::id() % 9_000).unwrap();
    (first..).find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok()).unwrap()
}

#[test]
fn it_comes_back_by_itself_when_its_gateway_does() {
    let place = Place::new();
    let mut dev = place.start(&["dev", "--listen", "0", "--json"]);
    let gateway = dev.ready()["url"].as_str().unwrap().to_owned();
    let port = gateway.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
    let target = answering().to_string();
    let public = free_port();
    // The next gateway has another token: one that both know is in the configuration.
    let config = format!(
        "listen = [\"127.0.0.1:{port}\"]\nadmin = \"127.0.0.1:0\"\n[tcp]\nports = \"{public}\"\n[[token]]\nname = \"t\"\n\
         may = [\"listen\"]\nsha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n"
    );
    place.write("p.toml", &config);
    dev.signal(Signal::KILL);
    dev.end();
    let start = || {
        let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json"]);
        gateway.ready();
        gateway
    };
    let first = start();
    let mut command = place.command(&["expose", &target, "--tcp", "--gateway", &gateway, "--json"]);
    let mut expose = Running::of(command.env("PAGEPORT_TOKEN", "test"));
    let before = expose.ready()["port"].as_u64().unwrap();
    assert_eq!(before, u64::from(public));
    first.signal(Signal::KILL);
    first.end();
    assert_eq!(expose.ready()["event"], "away");
    let _second = start();
    let again = loop {
        let event = expose.ready();
        match event["event"].as_str().unwrap() {
            "lost" => {}
            "listening" => break event,
            other => panic!("{other}"),
        }
    };
    assert_eq!(again["port"], before, "at the same port");
    let mut visitor = TcpStream::connect(("127.0.0.1", u16::try_from(before).unwrap())).unwrap();
    visitor.write_all(b"hello").unwrap();
    visitor.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    visitor.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
}

#[test]
fn people_read_the_address_on_stdout_and_a_line_for_each_connection_on_stderr() {
    let exposed = Exposed::new(answering(), &["--tcp"]);
    let target = answering().to_string();
    let mut expose = exposed.place.start(&["expose", &target, "--tcp", "--gateway", &exposed.gateway]);
    let url = expose.line();
    let port: u16 = url.strip_prefix("tcp://localhost:").unwrap().parse().unwrap();
    expose.logged(&format!("leads to {target}"));
    let mut visitor = TcpStream::connect(("127.0.0.1", port)).unwrap();
    visitor.write_all(b"hello").unwrap();
    visitor.shutdown(Shutdown::Write).unwrap();
    visitor.read_to_end(&mut Vec::new()).unwrap();
    let line = expose.logged("#1 tcp");
    assert!(line.contains("5 B in, 5 B out"), "{line}");
    exposed.dev.signal(Signal::KILL);
    expose.logged("away: the connection to the gateway is lost");
}

#[test]
fn a_chosen_name_belongs_to_the_users_key() {
    let mut exposed = Exposed::new(answering(), &["--name", "shop"]);
    let port = exposed.gateway.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
    assert_eq!(exposed.url(), format!("http://shop.localhost:{port}/"));
    let key = exposed.place.path().join("pageport/identity.pem");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);

    let arguments = ["expose", "80", "--name", "shop", "--gateway", &exposed.gateway, "--json"];
    let stranger = exposed.place.run(&[&arguments[..], &["--key", "another.pem"]].concat());
    assert_eq!(stranger.code, Some(1));
    assert!(
        stranger.stderr.contains("(ERR_NAME_TAKEN)") && stranger.stderr.contains("hint: choose"),
        "{stranger:?}"
    );

    let mut newer = exposed.place.start(&arguments);
    assert_eq!(newer.ready()["url"], exposed.listening["url"], "the same key takes it over");
    let ended = exposed.expose.ready();
    assert_eq!((&ended["event"], &ended["code"]), (&"ended".into(), &"ERR_NAME_REPLACED".into()));
    let end = exposed.expose.end();
    assert_eq!(end.code, Some(1));
    assert!(end.stderr.contains("error: the listener has ended (ERR_NAME_REPLACED)"), "{end:?}");

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let run = exposed.place.run(&arguments);
    assert!(
        run.stderr.contains("cannot use the key in") && run.stderr.contains("others may read"),
        "{run:?}"
    );
}

#[test]
fn what_cannot_be_has_a_code_and_a_hint() {
    let place = Place::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = place.run(&["expose", "80", "--gateway", &format!("http://{nobody}")]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.stderr.contains("(ERR_GATEWAY_UNREACHABLE)") && run.stderr.contains("hint: is it running"),
        "{run:?}"
    );

    let exposed = Exposed::new(answering(), &["--tcp"]);
    let elsewhere = Place::new();
    let run = elsewhere.run(&["expose", "80", "--gateway", &exposed.gateway]);
    assert!(
        run.stderr.contains("(ERR_CREDENTIAL_REQUIRED)") && run.stderr.contains("PAGEPORT_TOKEN"),
        "{run:?}"
    );
    let run = elsewhere.run(&["expose", "80", "--gateway", &exposed.gateway, "--token", "wrong"]);
    assert!(run.stderr.contains("(ERR_CREDENTIAL_INVALID)"), "{run:?}");
    let run = exposed.place.run(&["expose", "80", "--port", "80", "--gateway", &exposed.gateway]);
    assert!(run.stderr.contains("(ERR_PORT_UNAVAILABLE)") && run.stderr.contains("hint:"), "{run:?}");
    for arguments in [
        &["expose"][..],
        &["expose", "x"],
        &["expose", "80", "--tcp", "--http"],
        &["expose", "80", "--tcp", "--name", "n"],
    ] {
        assert_eq!(place.run(arguments).code, Some(2), "{arguments:?}");
    }
}
