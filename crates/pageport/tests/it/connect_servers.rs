//! `pageport connect tcp://… --gateway …`: a pipe to a server that a gateway allows.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};

use base64::Engine as _;
use rustix::process::Signal;

use crate::configured::Configured;
use crate::connect::pipe;
use crate::expose::answering;
use crate::program::{Place, Running};

/// A gateway for development that allows these.
pub(crate) struct Dev {
    pub(crate) place: Place,
    pub(crate) running: Running,
    pub(crate) url: String,
}

impl Dev {
    pub(crate) fn allowing(targets: &[String]) -> Dev {
        Dev::at("0", targets)
    }

    pub(crate) fn at(port: &str, targets: &[String]) -> Dev {
        let place = Place::new();
        let allow: Vec<_> = targets.iter().flat_map(|target| ["--allow", target]).collect();
        let mut running = place.start(&[&["dev", "--listen", port, "--json"], &allow[..]].concat());
        let url = running.ready()["url"].as_str().unwrap().to_owned();
        Dev { place, running, url }
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap()
    }

    pub(crate) fn connect(&self, to: &str) -> Command {
        self.place.command(&["connect", to, "--gateway", &self.url])
    }
}

/// A port of loopback where nobody listens: that of a client. It stays so while the first is kept.
pub(crate) fn nobody() -> (impl Sized, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let address = client.local_addr().unwrap();
    ((listener, client), address)
}

#[test]
fn bytes_reach_the_server_and_come_back_and_each_direction_ends_on_its_own() {
    let server = answering();
    let dev = Dev::allowing(&[format!("tcp://{server}")]);
    let input: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251).try_into().unwrap()).collect();
    let (code, output, said) = pipe(&mut dev.connect(&format!("tcp://{server}")), &input);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(output == input, "{} bytes", output.len());
}

#[test]
fn the_end_of_the_program_is_the_end_of_the_connection() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp://{}", server.local_addr().unwrap());
    let dev = Dev::allowing(std::slice::from_ref(&to));
    for signal in [Signal::HUP, Signal::TERM] {
        let mut command = dev.connect(&to);
        let mut connect = Running::of(command.stdin(Stdio::piped()));
        let (mut socket, _) = server.accept().unwrap();
        connect.say(b"x");
        socket.read_exact(&mut [0]).unwrap();
        connect.signal(signal);
        let end = connect.end();
        assert_eq!((end.code, end.stderr.as_str()), (Some(1), ""));
        // Not after the lease of its session, which is two minutes and a half.
        socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        assert_eq!(socket.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn who_is_refused_learns_why_and_what_to_do() {
    let (_kept, dead) = nobody();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (silent_at, names) = (silent.local_addr().unwrap(), name_server());
    let place = Place::new();
    let rule = |to: &str| format!("[[allow]]\nto = \"{to}\"\nprotocol = [\"tcp\", \"tls\"]\n");
    let plain = greeting();
    let rules =
        [&dead.to_string(), &silent_at.to_string(), &plain.to_string(), "none.test:80"].map(rule).concat();
    let limits = "[limits]\nconnect_timeout = \"300ms\"\n";
    let gateway = Configured::new(&place, &format!("dns = [\"{names}\"]\n"), &format!("{rules}{limits}"));
    for (to, code, hint) in [
        (format!("tcp://{dead}"), "ERR_TARGET_CONNECTION_REFUSED", "nobody listens"),
        ("tcp://none.test:80".to_owned(), "ERR_TARGET_UNRESOLVED", "looked up by the gateway"),
        (format!("tls://{silent_at}"), "ERR_TARGET_TIMEOUT", "is the server up"),
        (format!("tls://{plain}"), "ERR_TARGET_TLS", "verifies the certificate"),
        ("tcp://192.0.2.1:80".to_owned(), "ERR_TARGET_FORBIDDEN", "to = \"192.0.2.1:80\""),
        ("tls://::1:993".to_owned(), "ERR_INVALID_ARGUMENT", "in brackets"),
    ] {
        let (exit, output, said) = pipe(&mut gateway.connect(&to), b"");
        assert_eq!((exit, output.as_slice()), (Some(1), &b""[..]), "{to}: {said}");
        assert!(said.starts_with("error: ") && said.contains(&format!("({code})")), "{to}: {said}");
        assert!(said.contains("\nhint: ") && said.contains(hint), "{to}: {said}");
        let (exit, _, said) = pipe(gateway.connect(&to).arg("--json"), b"");
        let event: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (exit, &event["event"], &event["code"]),
            (Some(1), &"failed".into(), &code.into()),
            "{said}"
        );
        assert!(event["hint"].as_str().unwrap().contains(hint), "{said}");
    }
}

#[test]
fn the_rule_that_is_suggested_is_the_one_that_helps() {
    let server = answering();
    let place = Place::new();
    let mut gateway = Configured::new(&place, "", "");
    let to = format!("tcp://{server}");
    let (code, _, said) = pipe(&mut gateway.connect(&to), b"");
    assert_eq!(code, Some(1), "{said}");
    let rule: String =
        said.lines().filter_map(|line| line.strip_prefix("  ")).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(rule, format!("[[allow]]\nto = \"{server}\"\nprotocol = \"tcp\"\n"), "{said}");
    gateway.reload(&rule);
    let (code, output, said) = pipe(gateway.connect(&to).arg("--json"), b"now it does");
    assert_eq!((code, output.as_slice()), (Some(0), &b"now it does"[..]), "{said}");
    assert_eq!(said, format!("{{\"event\":\"connected\",\"to\":\"{to}\"}}\n"));
}

#[test]
fn within_tls_it_is_the_gateway_that_verifies() {
    let (place, other) = (Place::new(), Place::new());
    certificate(&[&place, &other]);
    let target = Configured::new(&other, "", "[tls]\ncert = \"c.pem\"\nkey = \"c.key\"\n");
    let port = target.url.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
    let rule = format!("[[allow]]\nto = \"localhost:{port}\"\nprotocol = \"tls\"\nca = \"c.pem\"\n");
    let gateway = Configured::new(&place, "", &rule);
    let to = format!("tls://localhost:{port}");
    let request = format!("GET /none HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    let mut command = gateway.connect(&to);
    let piped = command.arg("--json").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut connect = piped.spawn().unwrap();
    connect.stdin.as_mut().unwrap().write_all(request.as_bytes()).unwrap();
    let mut output = String::new();
    connect.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(output.starts_with("HTTP/1.1 404 "), "{output}");
    // Before that a server that closes would reset the connection: it had not read the end.
    let end = connect.wait_with_output().unwrap();
    let said = String::from_utf8(end.stderr).unwrap();
    assert_eq!(end.status.code(), Some(0), "{said}");
    let event: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&event["tls"]["version"], &event["tls"]["servername"]),
        (&"TLSv1.3".into(), &"localhost".into())
    );
}

#[test]
fn what_else_may_be_said_is_checked_first() {
    let place = Place::new();
    for arguments in [
        &["connect"][..],
        &["connect", "tcp://localhost:1", "--socks", "1080"],
        &["connect", "--socks", "nowhere"],
        &["connect", "--socks", "0", "--socks-auth", "nobody"],
        &["connect", "--socks", "0", "--socks-connections", "0"],
        &["connect", "--socks", "0", "--socks-handshake", "1h"],
    ] {
        assert_eq!(place.run(arguments).code, Some(2), "{arguments:?}");
    }
}

/// A server that speaks first, and no TLS, for as long as the tests run.
pub(crate) fn greeting() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            // Whoever has gone by then was not waiting for it.
            let _ = stream.write_all(b"220 ready\r\n");
            kept.push(stream);
        }
    });
    address
}

/// Answers every question with NXDOMAIN (RFC 1035 §4.1.1), for as long as the tests run.
fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut message = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut message) {
            message[2] |= 0x80;
            message[3] = 0x83;
            socket.send_to(&message[..length], from).unwrap();
        }
    });
    address
}

/// The same self-made certificate for `localhost` and its key, in PEM, for each.
fn certificate(places: &[&Place]) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = |kind: &str, der: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
    };
    for place in places {
        place.write("c.pem", &pem("CERTIFICATE", made.cert.der()));
        place.write("c.key", &pem("PRIVATE KEY", &made.signing_key.serialize_der()));
    }
}
