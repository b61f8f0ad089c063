//! `pageport gateway`: configured, reloaded, stopped.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use pageport_link::{Connector, Session, Stream, StreamError};
use pageport_proto::Code;
use pageport_proto::head::{Accepted, Headers, Kind, Listening, Reply, Request};
use rustix::process::Signal;

use crate::program::{Place, get};

const FILE: &str = "listen = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n";
const ATTACH: &str = "Origin: https://app.example\r\n";

#[test]
fn a_hangup_reads_the_file_again_and_a_wrong_one_changes_nothing() {
    let place = Place::new();
    place.write("p.toml", FILE);
    let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json", "--log-format", "json"]);
    let link = format!("{}link", gateway.ready()["url"].as_str().unwrap());
    // Whoever watches files would not do this: none has changed.
    gateway.signal(Signal::HUP);
    gateway.logged("configuration read again");
    assert!(get(&link, ATTACH).contains("ERR_ORIGIN_FORBIDDEN"));

    place.write("p.toml", &format!("{FILE}[link]\norigins = [\"https://app.example\"]\n"));
    gateway.signal(Signal::HUP);
    gateway.logged("configuration read again");
    assert!(get(&link, ATTACH).contains("ERR_UPGRADE_REQUIRED"), "the origin may attach now");

    place.write("p.toml", "[link]\norigin = []\n");
    gateway.signal(Signal::HUP);
    let line = gateway.logged("the old configuration stays");
    assert!(line.contains("p.toml:2:1") && line.contains("unknown key `origin`"), "{line}");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert!(get(&link, ATTACH).contains("ERR_UPGRADE_REQUIRED"), "and still");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.end().code, Some(0));
}

#[test]
fn memory_comes_in_small_pages() {
    let place = Place::new();
    place.write("p.toml", FILE);
    let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json"]);
    gateway.ready();
    // Every process begins with 1, and kernels without huge pages say nothing.
    let status = gateway.status();
    assert!(!status.contains("THP_enabled:\t1"), "{status}");
}

#[test]
fn changed_files_are_read_again_without_being_asked() {
    let place = Place::new();
    let rule = "[[allow]]\nto = \"a.example:443\"\nprotocol = \"wss\"\nca = \"ca.pem\"\n";
    let secure = format!("{FILE}[tls]\ncert = \"c.pem\"\nkey = \"c.key\"\n{rule}");
    certificate(&place, "c");
    certificate(&place, "ca");
    place.write("p.toml", &secure);
    let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json"]);
    assert!(gateway.ready()["link"].as_str().unwrap().starts_with("wss://localhost:"));

    certificate(&place, "c");
    gateway.logged("configuration read again");
    place.write("c.key", "nothing");
    let line = gateway.logged("the old configuration stays");
    assert!(line.contains("ERR_TLS_INVALID"), "{line}");
    gateway.logged("--> p.toml:5:7");
    certificate(&place, "c");
    gateway.logged("configuration read again");
    certificate(&place, "ca");
    gateway.logged("configuration read again");
    place.write("p.toml", &format!("{secure}[limits]\nheaders = 20\n"));
    gateway.logged("configuration read again");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.end().code, Some(0));
}

#[test]
fn a_directory_is_served_and_a_list_of_targets_read_again_when_it_changes() {
    let place = Place::new();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    place.write("p.toml", FILE);
    std::fs::create_dir(place.path().join("web")).unwrap();
    place.write("web/vnc.html", "a screen");
    place.write("targets", "# none yet\n");
    let flags = ["gateway", "--config", "p.toml", "--web", "web", "--targets", "targets", "--json"];
    let mut gateway = place.start(&flags);
    let url = gateway.ready()["url"].as_str().unwrap().to_owned();
    assert!(get(&format!("{url}vnc.html"), "").contains("a screen"));
    assert!(get(&format!("{url}.well-known/pageport"), "").contains("[\n    \"websockify\"\n  ]"));
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
    let knock = format!(
        "Origin: http://localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: binary\r\n"
    );
    let desk = format!("{url}websockify?token=desk");
    assert!(get(&desk, &knock).contains("ERR_TARGET_FORBIDDEN"));
    place.write("targets", "desk 127.0.0.1:1\n");
    let line = gateway.logged("the old configuration stays");
    assert!(line.contains("--targets: ") && line.contains("targets:1: not a name and a target"), "{line}");
    place.write("targets", &format!("desk: {}\n", server.local_addr().unwrap()));
    gateway.logged("configuration read again");
    let connected = std::thread::spawn(move || server.accept().unwrap());
    assert!(get(&desk, &knock).starts_with("HTTP/1.1 101 "));
    connected.join().unwrap();
    gateway.kill();
    gateway.end();
}

#[test]
fn a_second_signal_does_not_wait_and_what_it_cuts_short_does_not_look_complete() {
    let place = Place::new();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let rule = format!("[[allow]]\nto = \"{address}\"\nprotocol = \"tcp\"\n");
    let token = token("connect");
    place.write("p.toml", &format!("{FILE}{rule}[dialects]\ntcp = true\nupgrade = true\n{token}"));
    let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json"]);
    let url = gateway.ready()["url"].as_str().unwrap().to_owned();
    let door = url.trim_start_matches("http://").trim_end_matches('/').replace("localhost", "127.0.0.1");
    let websocket =
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut ends = Vec::new();
    for upgrade in ["Upgrade: tcp\r\n", websocket] {
        let mut client = TcpStream::connect(&door).unwrap();
        let head = format!(
            "GET /tcp/127.0.0.1/{} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nAuthorization: Bearer test\r\n{upgrade}\r\n",
            address.port()
        );
        client.write_all(head.as_bytes()).unwrap();
        let (mut socket, _) = server.accept().unwrap();
        socket.write_all(b"half").unwrap();
        // Behind the head comes what the target has said.
        let mut heard = Vec::new();
        while !heard.ends_with(b"half") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            heard.extend(byte);
        }
        ends.extend([client, socket]);
    }
    gateway.signal(Signal::TERM);
    gateway.logged("draining");
    gateway.signal(Signal::TERM);
    gateway.end();
    for mut end in ends {
        let cut = end.read(&mut [0]).expect_err("no end in order");
        assert_eq!(cut.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_reload_says_what_it_leaves_as_it_was() {
    let place = Place::new();
    certificate(&place, "c");
    place.write("p.toml", &format!("{FILE}[tls]\ncert = \"c.pem\"\nkey = \"c.key\"\n"));
    let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json"]);
    gateway.ready();
    place.write("p.toml", &format!("{FILE}data = \"names\"\n"));
    gateway.signal(Signal::HUP);
    let line = gateway.logged("with the next start only");
    assert!(line.contains("next start only: data, webtransport"), "{line}");
    gateway.logged("QUIC keeps its certificate");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.end().code, Some(0));
}

#[test]
fn a_certificate_that_cannot_be_used_is_a_wrong_configuration() {
    let place = Place::new();
    place.write("p.toml", "[tls]\ncert = \"c.pem\"\nkey = \"c.key\"\n");
    for run in
        [place.run(&["gateway", "--config", "p.toml"]), place.run(&["config", "check", "--config", "p.toml"])]
    {
        assert_eq!(run.code, Some(78), "{run:?}");
        assert!(
            run.stderr.contains("cannot read c.pem") && run.stderr.contains("(ERR_TLS_INVALID)"),
            "{run:?}"
        );
        assert!(run.stderr.contains("--> p.toml:2:8"), "{run:?}");
    }
}

/// A self-made certificate for `localhost` and its key, in PEM.
fn certificate(place: &Place, name: &str) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = |kind: &str, der: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
    };
    place.write(&format!("{name}.pem"), &pem("CERTIFICATE", made.cert.der()));
    place.write(&format!("{name}.key"), &pem("PRIVATE KEY", &made.signing_key.serialize_der()));
}

#[test]
fn the_first_signal_lets_streams_finish_and_the_second_does_not_wait() {
    let place = Place::new();
    place.write("p.toml", &format!("{FILE}{}[limits]\ndrain = \"1h\"\n", token("listen")));
    let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json"]);
    let ready = gateway.ready();
    let (url, admin) = (ready["url"].as_str().unwrap(), ready["admin"].as_str().unwrap());

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let visitor = runtime.block_on(visit(url));
    gateway.signal(Signal::INT);
    gateway.logged("draining");
    assert!(get(&format!("{admin}readyz"), "").starts_with("HTTP/1.1 503"), "it waits for the visitor");
    gateway.signal(Signal::INT);
    let end = gateway.end();
    assert_eq!(end.code, Some(1), "{end:?}");
    assert!(end.stderr.contains("error: stopped before open streams had finished"), "{end:?}");
    drop(visitor);
}

/// A credential: the token is `test`.
fn token(may: &str) -> String {
    let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    format!("[[token]]\nname = \"t\"\nmay = [\"{may}\"]\nsha256 = \"{sha256}\"\n")
}

/// A page that listens and lets one visitor in; what keeps both there.
async fn visit(url: &str) -> (Session, Vec<Stream>, TcpStream) {
    let session = Connector::new(url).unwrap().credential("test".to_owned()).connect().await.unwrap();
    let mut listener = session.open(&Request::from(Kind::WebSocket)).unwrap();
    let Reply::<Listening>::Ok(listening) = Reply::parse(&listener.reply().await.unwrap()).unwrap() else {
        panic!()
    };
    let (host, _) = listening.url.strip_prefix("ws://").unwrap().split_once('/').unwrap();
    let port = host.rsplit(':').next().unwrap();
    let mut visitor = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    write!(
        visitor,
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .unwrap();
    let mut stream = session.accept().await.unwrap();
    stream.respond(&Reply::Ok(Accepted { status: 101, headers: Headers::default() })).unwrap();
    visitor.read_exact(&mut [0; 12]).unwrap();
    (session, vec![listener, stream], visitor)
}

#[test]
fn what_is_refused_is_nothing_for_the_log_and_what_fails_is() {
    let place = Place::new();
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rule = format!("[[allow]]\nto = \"{dead}\"\nprotocol = \"ws\"\n");
    place.write("p.toml", &format!("{FILE}{}{rule}", token("connect")));
    let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json"]);
    let url = gateway.ready()["url"].as_str().unwrap().to_owned();
    let asking = async {
        let connector = Connector::new(&url).unwrap().credential("test".to_owned());
        let session = connector.connect().await.unwrap();
        for target in ["ws://192.0.2.1/".to_owned(), format!("ws://{dead}/")] {
            let mut stream = session.open(&serde_json::json!({ "connect": target })).unwrap();
            stream.reply().await.unwrap();
        }
    };
    tokio::runtime::Runtime::new().unwrap().block_on(asking);
    let first = gateway.logged("not connected");
    assert!(first.contains("ERR_TARGET_UNREACHABLE"), "{first}");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.end().code, Some(0));
}

#[test]
fn a_hangup_ends_what_no_rule_allows_any_more_and_a_wrong_file_ends_nothing() {
    let place = Place::new();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let rule = format!("[[allow]]\nto = \"{address}\"\nprotocol = \"tcp\"\n");
    let allowed = format!("{FILE}{}{rule}", token("connect"));
    place.write("p.toml", &allowed);
    let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json", "--log-format", "json"]);
    let url = gateway.ready()["url"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (session, mut stream) = runtime.block_on(async {
        let connector = Connector::new(&url).unwrap().credential("test".to_owned());
        let session = connector.connect().await.unwrap();
        let target = serde_json::json!({ "connect": format!("tcp://{address}") });
        let mut stream = session.open(&target).unwrap();
        assert_eq!(&stream.reply().await.unwrap()[..], br#"{"ok":true}"#);
        (session, stream)
    });
    let (mut socket, _) = server.accept().unwrap();
    place.write("p.toml", &allowed.replace("tcp", "gopher"));
    gateway.signal(Signal::HUP);
    assert!(gateway.logged("the old configuration stays").contains("p.toml:9:12"));
    socket.write_all(b"still here").unwrap();
    let heard = runtime.block_on(stream.read_chunk()).unwrap();
    assert_eq!(heard.as_deref(), Some(&b"still here"[..]));

    place.write("p.toml", &allowed.replace(&rule, ""));
    let begun = std::time::Instant::now();
    gateway.signal(Signal::HUP);
    let end = runtime.block_on(stream.read_chunk());
    assert_eq!(end, Err(StreamError::Reset(Code::ERR_TARGET_FORBIDDEN)));
    assert_eq!(socket.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert!(begun.elapsed() < std::time::Duration::from_secs(1), "{:?}", begun.elapsed());
    let line: serde_json::Value = serde_json::from_str(&gateway.logged("\"target\":\"audit\"")).unwrap();
    let fields = &line["fields"];
    assert_eq!((&fields["who"], &fields["to"]), (&"t".into(), &format!("tcp://{address}").into()));
    assert_eq!((&fields["bytes_in"], &fields["end"]), (&10.into(), &"ERR_TARGET_FORBIDDEN".into()));
    drop((session, stream));
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.end().code, Some(0));
}

#[test]
fn without_configuration_nobody_may_attach() {
    let place = Place::new();
    let mut command = place.command(&["gateway", "--json"]);
    command.env("PAGEPORT_LISTEN", "0").env("PAGEPORT_ADMIN", "0");
    let mut gateway = crate::program::Running::of(&mut command);
    let link = format!("{}link", gateway.ready()["url"].as_str().unwrap());
    for origin in ["http://localhost", "http://127.0.0.1", "https://app.example", "null"] {
        assert!(get(&link, &format!("Origin: {origin}\r\n")).contains("ERR_ORIGIN_FORBIDDEN"), "{origin}");
    }
    assert!(get(&link.replace("/link", "/"), "").contains("This is a Pageport gateway"));
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.end().code, Some(0));
}
