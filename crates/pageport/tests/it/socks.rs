//! `pageport connect --socks`: what programs get that speak SOCKS.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::connect_servers::{Dev, nobody};
use crate::expose::answering;
use crate::program::{Running, run};

/// A SOCKS server in front of a gateway.
pub(crate) struct Socks {
    pub(crate) dev: Dev,
    pub(crate) running: Running,
    pub(crate) address: SocketAddr,
}

impl Socks {
    pub(crate) fn allowing(targets: &[String]) -> Socks {
        Socks::with(targets, &[], &[])
    }

    pub(crate) fn with(targets: &[String], flags: &[&str], env: &[(&str, &str)]) -> Socks {
        let dev = Dev::allowing(targets);
        let gateway = dev.url.clone();
        Socks::before(dev, &gateway, flags, env)
    }

    fn before(dev: Dev, gateway: &str, flags: &[&str], env: &[(&str, &str)]) -> Socks {
        let arguments = [&["connect", "--socks", "0", "--gateway", gateway, "--json"], flags].concat();
        let mut running = Running::of(dev.place.command(&arguments).envs(env.iter().copied()));
        let ready = running.ready();
        assert_eq!((&ready["event"], &ready["gateway"]), (&"ready".into(), &gateway.into()));
        let address = ready["socks"].as_str().unwrap().parse().unwrap();
        Socks { dev, running, address }
    }

    pub(crate) fn client(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// A connection to this address: what the reply says, and the connection.
    pub(crate) fn connect(&self, to: SocketAddr) -> (u8, TcpStream) {
        let mut client = self.client();
        let SocketAddr::V4(to) = to else { panic!() };
        let request = [&[5, 1, 0, 5, 1, 0, 1][..], &to.ip().octets(), &to.port().to_be_bytes()].concat();
        // All at once, as clients do that know what will be answered.
        client.write_all(&request).unwrap();
        let mut reply = [0; 12];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(reply[..3], [5, 0, 5]);
        assert_eq!(reply[4..], [0, 1, 0, 0, 0, 0, 0, 0]);
        (reply[3], client)
    }

    /// The next event.
    pub(crate) fn event(&mut self) -> Value {
        serde_json::from_str(&self.running.line()).unwrap()
    }
}

/// Sends all of it, ends, and reads to the end.
fn echoed(mut stream: TcpStream, bytes: Vec<u8>) -> Vec<u8> {
    let mut sender = stream.try_clone().unwrap();
    let sending = thread::spawn(move || {
        sender.write_all(&bytes).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    sending.join().unwrap();
    back
}

#[test]
fn many_connections_at_once_share_one_session_and_mix_nothing_up() {
    let server = answering();
    let mut socks = Socks::allowing(&[format!("tcp://{server}")]);
    let clients = 100;
    let bytes = |number: u8| -> Vec<u8> {
        (0..200_000_u32).map(|i| u8::try_from(i % 256).unwrap() ^ number).collect()
    };
    thread::scope(|scope| {
        for number in 0..clients {
            let socks = &socks;
            scope.spawn(move || {
                let (reply, stream) = socks.connect(server);
                assert_eq!(reply, 0);
                assert!(echoed(stream, bytes(number)) == bytes(number), "{number}");
            });
        }
    });
    for _ in 0..clients {
        let event = socks.event();
        assert_eq!(
            (&event["event"], &event["received"], &event["sent"]),
            (&"ended".into(), &200_000.into(), &200_000.into())
        );
        assert!(event.get("error").is_none(), "{event}");
    }
    socks.running.signal(Signal::TERM);
    assert_eq!(socks.running.end().code, Some(0));
}

#[test]
fn what_is_refused_is_told_in_the_words_of_socks_and_in_ours() {
    let (_kept, dead) = nobody();
    let mut socks = Socks::allowing(&[format!("tcp://{dead}")]);
    let elsewhere = "192.0.2.1:80".parse().unwrap();
    for (to, reply, code) in
        [(dead, 5, "ERR_TARGET_CONNECTION_REFUSED"), (elsewhere, 2, "ERR_TARGET_FORBIDDEN")]
    {
        let (said, mut stream) = socks.connect(to);
        assert_eq!((said, stream.read(&mut [0]).unwrap()), (reply, 0), "{code}, and the end");
        let event = socks.event();
        assert_eq!((&event["event"], &event["code"]), (&"refused".into(), &code.into()));
        assert!(event["hint"].is_string() && event["to"] == to.to_string(), "{event}");
    }
}

#[test]
fn ends_and_breaks_pass_as_what_they_are() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let mut socks = Socks::allowing(&[format!("tcp://{address}")]);
    // The server ends its direction; the client may go on.
    let (_, mut client) = socks.connect(address);
    let (mut served, _) = server.accept().unwrap();
    served.write_all(b"greeting").unwrap();
    served.shutdown(Shutdown::Write).unwrap();
    let mut greeting = String::new();
    client.read_to_string(&mut greeting).unwrap();
    client.write_all(b"thanks").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut thanks = String::new();
    served.read_to_string(&mut thanks).unwrap();
    assert_eq!((greeting.as_str(), thanks.as_str()), ("greeting", "thanks"));
    assert!(socks.event().get("error").is_none());
    // The client breaks off, with bytes unread: a reset there is a reset here.
    let (_, client) = socks.connect(address);
    let (mut served, _) = server.accept().unwrap();
    served.write_all(b"unread").unwrap();
    client.peek(&mut [0]).unwrap();
    drop(client);
    assert_eq!(served.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert!(socks.event()["error"].is_string());
    // The server breaks off.
    let (_, mut client) = socks.connect(address);
    let (served, _) = server.accept().unwrap();
    client.write_all(b"unread").unwrap();
    served.peek(&mut [0]).unwrap();
    drop(served);
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn curl_goes_where_the_gateway_allows_and_lets_it_look_names_up() {
    // A gateway is a web server, too; this one is looked up as `localhost` by the other one.
    let site = Dev::allowing(&[]);
    let port = site.port();
    let socks = Socks::with(
        &[format!("tcp://localhost:{port}"), format!("tcp://127.0.0.1:{port}")],
        &[],
        &[("PAGEPORT_SOCKS_AUTH", "me:secret")],
    );
    let curl = |proxy: &str, url: &str| {
        let proxy = format!("socks5h://{proxy}{}", socks.address);
        run(Command::new("curl").env_clear().args(["-sS", "--noproxy", "", "--proxy", &proxy, url]))
    };
    for host in ["localhost", "127.0.0.1"] {
        let got = curl("me:secret@", &format!("http://{host}:{port}/pageport.js"));
        assert_eq!(got.code, Some(0), "{got:?}");
        assert!(got.stdout.contains("export"), "{got:?}");
    }
    for (proxy, url) in [
        ("me:wrong@", format!("http://localhost:{port}/")),
        ("", format!("http://localhost:{port}/")),
        ("me:secret@", "http://192.0.2.1/".to_owned()),
        ("me:secret@", format!("http://[::1]:{port}/")),
    ] {
        let got = curl(proxy, &url);
        assert_eq!((got.code, got.stdout.as_str()), (Some(97), ""), "{proxy} {url} {got:?}");
    }
}

#[test]
fn a_connection_survives_the_one_to_the_gateway() {
    let server = answering();
    let dev = Dev::allowing(&[format!("tcp://{server}")]);
    let way = Way::to(dev.port());
    let token =
        std::fs::read_to_string(dev.place.path().join(format!("pageport/dev-{}.token", dev.port()))).unwrap();
    let gateway = format!("http://localhost:{}", way.port);
    let socks = Socks::before(dev, &gateway, &[], &[("PAGEPORT_TOKEN", &token)]);
    let (reply, mut stream) = socks.connect(server);
    assert_eq!(reply, 0);
    stream.write_all(b"before ").unwrap();
    for _ in 0..3 {
        assert!(way.cut() > 0, "there was something to cut");
        stream.write_all(b"behind ").unwrap();
        assert_eq!(socks.connect(server).0, 0, "it is there again, for others too");
    }
    assert_eq!(echoed(stream, b"the end".to_vec()), b"before behind behind behind the end");
}

/// Connections to a port that can be broken.
struct Way {
    port: u16,
    through: Arc<Mutex<Vec<TcpStream>>>,
}

impl Way {
    fn to(port: u16) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Way { port: listener.local_addr().unwrap().port(), through: Arc::default() };
        let through = Arc::clone(&way.through);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
                for (mut from, mut to) in [(&near, &far), (&far, &near)]
                    .map(|(a, b)| (a.try_clone().unwrap(), b.try_clone().unwrap()))
                {
                    // Broken connections are what this is for.
                    thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
                through.lock().unwrap().extend([near, far]);
            }
        });
        way
    }

    /// Breaks all of them; how many ends that were.
    fn cut(&self) -> usize {
        let ends = std::mem::take(&mut *self.through.lock().unwrap());
        ends.iter().filter(|end| end.shutdown(Shutdown::Both).is_ok()).count()
    }
}

#[test]
fn when_the_session_is_lost_later_connections_have_another_one() {
    let server = answering();
    let port = of_its_own().to_string();
    let dev = Dev::at(&port, &[format!("tcp://{server}")]);
    let url = dev.url.clone();
    let mut socks = Socks::before(dev, &url, &[], &[]);
    let (reply, first) = socks.connect(server);
    assert_eq!(reply, 0);
    // The gateway goes and comes back: it does not know the session, nor the token that it had.
    socks.dev.running.kill();
    let arguments =
        ["dev", "--listen", &port, "--admin", "0", "--json", "--allow", &format!("tcp://{server}")];
    let mut again = socks.dev.place.start(&arguments);
    again.ready();
    assert!(socks.event()["error"].is_string(), "its connections have ended");
    drop(first);
    let (reply, stream) = socks.connect(server);
    assert_eq!(reply, 0);
    assert_eq!(echoed(stream, b"back again".to_vec()), b"back again");
}

/// A port that nobody else gets by asking for any (RFC 6056 §3.2): a gateway comes back to it.
fn of_its_own() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    (first..).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}
