//! `pageport expose` of an HTTP service: what it gets, what its visitors get, and what is never hidden.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

use pageport_link::websocket_accept;

use crate::expose::Exposed;

/// A service whose answers a test writes by hand, and its visitors.
struct Site {
    listener: Option<TcpListener>,
    exposed: Exposed,
}

/// One end of an exchange: what was read as a head, and the connection behind it.
struct Exchange {
    head: String,
    stream: TcpStream,
}

impl Site {
    fn new(flags: &[&str]) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let exposed = Exposed::new(listener.local_addr().unwrap(), flags);
        Site { listener: Some(listener), exposed }
    }

    fn authority(&self) -> String {
        self.exposed.url().trim_start_matches("http://").trim_end_matches('/').to_owned()
    }

    fn target(&self) -> String {
        self.listener.as_ref().unwrap().local_addr().unwrap().to_string()
    }

    /// A visitor that has sent this.
    fn visit(&self, request: &str, fields: &str, body: &str) -> TcpStream {
        let authority = self.authority();
        let port: u16 = authority.rsplit(':').next().unwrap().parse().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n{body}").unwrap();
        stream
    }

    /// The service's next request.
    fn request(&self) -> Exchange {
        Exchange::read(self.listener.as_ref().unwrap().accept().unwrap().0)
    }
}

impl Exchange {
    fn read(mut stream: TcpStream) -> Exchange {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        Exchange { head: String::from_utf8(head).unwrap(), stream }
    }

    #[track_caller]
    fn has(&self, line: &str) {
        assert!(self.head.lines().any(|found| found == line), "{line}\n{}", self.head);
    }

    fn body(&mut self, length: usize) -> String {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }

    fn answer(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }
}

#[test]
fn a_request_reaches_the_service_as_if_it_came_from_this_machine() {
    let mut site = Site::new(&[]);
    assert!(site.exposed.url().starts_with("http://"), "{}", site.exposed.url());
    let own = format!("http://{}", site.authority());
    let fields = format!("X-Own: 1\r\nX-Forwarded-For: lies\r\nOrigin: {own}\r\n");
    let visitor = site.visit("GET /a%20b?c=d", &fields, "");
    let mut request = site.request();
    assert!(request.head.starts_with("GET /a%20b?c=d HTTP/1.1\r\n"), "{}", request.head);
    for line in [
        format!("host: {}", site.target()),
        format!("origin: http://{}", site.target()),
        format!("x-forwarded-host: {}", site.authority()),
        "x-forwarded-proto: http".to_owned(),
        "x-own: 1".to_owned(),
    ] {
        request.has(&line);
    }
    assert!(
        !request.head.contains("lies") && !request.head.contains("transfer-encoding"),
        "{}",
        request.head
    );
    let location = format!("http://{}/next", site.target());
    request.answer(&format!(
        "HTTP/1.1 302 Found\r\nLocation: {location}\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-Kept:  1 \r\n\
         Content-Length: 5\r\n\r\nhello"
    ));
    let mut answer = Exchange::read(visitor);
    assert!(answer.head.starts_with("HTTP/1.1 302 "), "{}", answer.head);
    answer.has(&format!("location: {own}/next"));
    answer.has("x-kept: 1");
    assert!(!answer.head.contains("x-hop"), "{}", answer.head);
    assert_eq!(answer.body(5), "hello");
    let line = site.exposed.expose.ready();
    assert_eq!((&line["what"], &line["status"]), (&"GET /a%20b".into(), &302.into()));
    assert_eq!((&line["received"], &line["sent"]), (&0.into(), &5.into()));
}

#[test]
fn the_service_can_see_the_visitors_host_or_one_that_is_given() {
    let site = Site::new(&["--host-header", "visitor"]);
    let own = format!("http://{}", site.authority());
    let _visitor = site.visit("GET /", &format!("Origin: {own}\r\n"), "");
    let request = site.request();
    request.has(&format!("host: {}", site.authority()));
    request.has(&format!("origin: {own}"));
    let site = Site::new(&["--host-header", "app.example"]);
    let _visitor = site.visit("GET /", "Origin: https://elsewhere.example\r\n", "");
    let request = site.request();
    request.has("host: app.example");
    request.has("origin: https://elsewhere.example");
}

#[test]
fn bodies_of_known_and_unknown_length_pass_through() {
    let site = Site::new(&[]);
    let visitor = site.visit("POST /", "Content-Length: 5\r\n", "first");
    let mut request = site.request();
    request.has("content-length: 5");
    assert_eq!(request.body(5), "first");
    request.answer("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    assert!(Exchange::read(visitor).head.starts_with("HTTP/1.1 204 "));

    for method in ["PUT", "GET"] {
        let mut visitor =
            site.visit(&format!("{method} /"), "Transfer-Encoding: chunked\r\n", "6\r\nsecond\r\n");
        let mut request = site.request();
        request.has("transfer-encoding: chunked");
        assert_eq!(request.body(11), "6\r\nsecond\r\n", "it does not wait for the end");
        visitor.write_all(b"0\r\n\r\n").unwrap();
        assert_eq!(request.body(5), "0\r\n\r\n");
        request.answer(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nthird\r\n",
        );
        let mut answer = Exchange::read(visitor);
        answer.has("transfer-encoding: chunked");
        assert_eq!(answer.body(10), "5\r\nthird\r\n");
        request.answer("0\r\n\r\n");
        assert_eq!(answer.body(5), "0\r\n\r\n");
    }
    let visitor = site.visit("DELETE /", "", "");
    let mut request = site.request();
    assert!(!request.head.contains("content-length: 5"));
    request.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(Exchange::read(visitor).head.starts_with("HTTP/1.1 200 "));
}

#[test]
fn an_answer_that_is_cut_short_does_not_look_complete() {
    let mut site = Site::new(&[]);
    for head in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let visitor = site.visit("GET /", "", "");
        let mut request = site.request();
        let part = if head.starts_with('C') { "part" } else { "4\r\npart\r\n" };
        request.answer(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{part}"));
        let mut answer = Exchange::read(visitor);
        drop(request);
        let mut rest = Vec::new();
        let ended = answer.stream.read_to_end(&mut rest);
        let complete = String::from_utf8_lossy(&rest).ends_with("0\r\n\r\n") || rest.len() == 100;
        assert!(!complete, "{head}: {ended:?} {rest:?}");
        assert!(site.exposed.expose.ready()["error"].is_string(), "{head}");
    }
}

#[test]
fn a_visitor_that_leaves_is_gone_for_the_service_too() {
    let mut site = Site::new(&[]);
    let visitor = site.visit("GET /slow", "", "");
    let mut request = site.request();
    drop(visitor);
    assert_eq!(request.stream.read(&mut [0; 1]).unwrap_or(0), 0, "before the answer");
    assert!(site.exposed.expose.ready()["error"].is_string());
    let visitor = site.visit("GET /silent", "", "");
    let mut request = site.request();
    request.answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    drop(Exchange::read(visitor));
    assert_eq!(request.stream.read(&mut [0; 1]).unwrap_or(0), 0, "in the middle of it");
}

#[test]
fn a_service_that_is_down_is_502_with_a_code_and_without_its_address() {
    let mut site = Site::new(&[]);
    let target = site.target();
    site.listener = None;
    let mut answer = Exchange::read(site.visit("GET /", "", ""));
    assert!(answer.head.starts_with("HTTP/1.1 502 "), "{}", answer.head);
    answer.has("pageport-error: ERR_TARGET_UNREACHABLE");
    let mut body = String::new();
    answer.stream.read_to_string(&mut body).unwrap();
    assert!(body.contains("does not answer") && !body.contains(&target), "{body}");
    let line = site.exposed.expose.ready();
    assert_eq!(line["status"], 502);
    assert!(line["error"].is_string(), "{line}");
}

#[test]
fn a_websocket_passes_through_to_the_service() {
    let site = Site::new(&[]);
    let handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, other\r\n";
    let visitor = site.visit("GET /socket", handshake, "");
    let mut request = site.request();
    request.has("upgrade: websocket");
    request.has("sec-websocket-protocol: chat, other");
    let key =
        request.head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap().to_owned();
    assert_ne!(key, "dGhlIHNhbXBsZSBub25jZQ==", "every hop has its own");
    // The first bytes come together with the head.
    request.answer(&format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: chat\r\n\r\nfirst",
        websocket_accept(&key)
    ));
    let mut answer = Exchange::read(visitor);
    assert!(answer.head.starts_with("HTTP/1.1 101 "), "{}", answer.head);
    answer.has("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    answer.has("sec-websocket-protocol: chat");
    assert_eq!(answer.body(5), "first");
    answer.answer("second");
    assert_eq!(request.body(6), "second");
    answer.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(request.stream.read(&mut [0; 1]).unwrap(), 0);
    request.answer("third");
    drop(request);
    let mut rest = String::new();
    answer.stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "third");
}

#[test]
fn a_service_without_websockets_refuses_in_its_own_words() {
    let site = Site::new(&[]);
    let handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let visitor = site.visit("GET /", handshake, "");
    site.request().answer("HTTP/1.1 418 I'm a teapot\r\nContent-Length: 5\r\nConnection: close\r\n\r\nshort");
    let mut answer = Exchange::read(visitor);
    assert!(answer.head.starts_with("HTTP/1.1 418 "), "{}", answer.head);
    assert_eq!(answer.body(5), "short");
}
