//! Requests that mean one thing to a strict reader and another to a lax one: request smuggling and header tricks, as bytes for one
//! connection. Each says how many requests a page may see of it; the hidden one, to [`HIDDEN`], never.

/// Where the requests lead that only a lax reader sees.
pub const HIDDEN: &str = "/smuggled";

/// The bytes of one connection.
#[derive(Debug, Clone)]
pub struct Vector {
    /// What is wrong with it.
    pub name: String,
    /// Everything that is sent; the sender's direction ends behind it, unless it says `Connection: close` itself.
    pub bytes: Vec<u8>,
    /// How many requests it holds for a strict reader: so many a page sees.
    pub requests: usize,
    /// One more has a good head and a body that breaks: a page may see that, but never whole.
    pub torn: bool,
}

/// Over HTTP/1.1, for this Host.
#[must_use]
pub fn http1(host: &str) -> Vec<Vector> {
    let hidden = format!("GET {HIDDEN} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let get = format!("GET / HTTP/1.1\r\nHost: {host}\r\n");
    let post = format!("POST / HTTP/1.1\r\nHost: {host}\r\n");
    let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n");
    let length = hidden.len();
    let mut all = Vec::new();
    let mut add = |requests: usize, name: &str, text: String| {
        all.push(Vector { name: name.to_owned(), bytes: text.into_bytes(), requests, torn: false });
    };
    // Controls: what is well-formed is seen, every time.
    add(2, "two requests in a row", format!("{get}\r\n{get}Connection: close\r\n\r\n"));
    add(1, "a body that looks like a request", format!("{post}Content-Length: {length}\r\n\r\n{hidden}"));
    add(1, "chunks that look like a request", format!("{chunked}{length:x}\r\n{hidden}\r\n0\r\n\r\n"));
    add(1, "a chunk extension", format!("{chunked}{length:x};a=b;c=\"d e\"\r\n{hidden}\r\n0\r\n\r\n"));
    add(
        1,
        "a length that Connection names",
        format!("{post}Connection: content-length\r\nContent-Length: {length}\r\n\r\n{hidden}"),
    );
    add(
        1,
        "a body behind Expect",
        format!("{post}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{hidden}"),
    );
    // Two ways to say how long the body is.
    for (name, fields) in [
        ("CL.TE", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        ("two lengths", "Content-Length: 5\r\nContent-Length: 0\r\n"),
        ("a list of lengths", "Content-Length: 5, 0\r\n"),
        ("a length with a sign", "Content-Length: +5\r\n"),
        ("a negative length", "Content-Length: -5\r\n"),
        ("a hexadecimal length", "Content-Length: 0x5\r\n"),
        ("a length with a space in it", "Content-Length: 0 5\r\n"),
        ("an empty length", "Content-Length: \r\n"),
        ("a length beyond 64 bits", "Content-Length: 18446744073709551621\r\n"),
        ("chunked, identity", "Transfer-Encoding: chunked, identity\r\n"),
        ("identity", "Transfer-Encoding: identity\r\n"),
        ("xchunked", "Transfer-Encoding: xchunked\r\n"),
        ("chunked twice", "Transfer-Encoding: chunked, chunked\r\n"),
        ("two Transfer-Encodings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
        ("chunked with a parameter", "Transfer-Encoding: chunked;q=1\r\n"),
        ("a vertical tab before chunked", "Transfer-Encoding: \x0bchunked\r\n"),
        ("a space before the colon", "Transfer-Encoding : chunked\r\n"),
        ("a tab before the colon", "Content-Length\t: 5\r\n"),
        ("a folded Transfer-Encoding", "Transfer-Encoding:\r\n chunked\r\n"),
        ("a folded field", "X: a\r\n b\r\n"),
        ("a field with a space before it", " Content-Length: 5\r\n"),
        ("NUL in a value", "X: a\0b\r\n"),
        ("NUL in a name", "X\0: b\r\n"),
        ("CR in a value", "X: a\rb\r\n"),
        ("a line without a colon", "X\r\n"),
        ("an empty name", ": x\r\n"),
        ("a name with a letter of another alphabet", "Cont\u{e9}nt: x\r\n"),
        ("LF at the end of a field", "X: a\n"),
        ("LF in front of a hidden field", "X: a\nContent-Length: 5\r\n"),
    ] {
        add(0, name, format!("{post}{fields}\r\n0\r\n\r\n{hidden}"));
    }
    add(
        0,
        "TE over HTTP/1.0",
        format!("POST / HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
    );
    add(0, "LF behind the request line", format!("GET / HTTP/1.1\nHost: {host}\r\n\r\n{hidden}"));
    add(0, "LF behind the head", format!("{get}\n{hidden}"));
    add(0, "nothing but LF", format!("GET / HTTP/1.1\nHost: {host}\n\n{hidden}"));
    // Whose request it is.
    add(0, "no Host", format!("GET / HTTP/1.1\r\nX: {host}\r\n\r\n{hidden}"));
    add(0, "two Hosts", format!("{get}Host: {host}\r\n\r\n{hidden}"));
    add(0, "a Host that is a list", format!("GET / HTTP/1.1\r\nHost: {host}, {host}\r\n\r\n{hidden}"));
    add(0, "a Host with somebody in front", format!("GET / HTTP/1.1\r\nHost: a@{host}\r\n\r\n{hidden}"));
    add(
        0,
        "a target of another host",
        format!("GET http://other.example/ HTTP/1.1\r\nHost: {host}\r\n\r\n{hidden}"),
    );
    add(0, "CONNECT", format!("CONNECT {host}:80 HTTP/1.1\r\nHost: {host}:80\r\n\r\n{hidden}"));
    // The request line.
    add(0, "HTTP/0.9", format!("GET /\r\n{hidden}"));
    add(0, "a version that is not", format!("GET / HTTP/1.2\r\nHost: {host}\r\n\r\n{hidden}"));
    add(0, "a version in lower case", format!("GET / http/1.1\r\nHost: {host}\r\n\r\n{hidden}"));
    add(0, "a space in the target", format!("GET /a b HTTP/1.1\r\nHost: {host}\r\n\r\n{hidden}"));
    add(0, "a method with a colon", format!("GE:T / HTTP/1.1\r\nHost: {host}\r\n\r\n{hidden}"));
    // What comes before the answer to an upgrade is nobody's request.
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    add(1, "bytes behind a handshake", format!("{get}{upgrade}\r\n{hidden}"));
    add(0, "a handshake with a body", format!("{get}{upgrade}Content-Length: {length}\r\n\r\n{hidden}"));
    // Bodies that break the format behind a good head.
    for (name, body) in [
        ("a chunk size that is none", "g\r\n"),
        ("a chunk size with a prefix", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("a negative chunk size", "-1\r\n"),
        ("a chunk size beyond 64 bits", "fffffffffffffffff\r\n"),
        ("LF behind a chunk size", "5\nhello\r\n0\r\n\r\n"),
        ("LF in a chunk extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        ("a chunk longer than it says", "2\r\nhello\r\n0\r\n\r\n"),
    ] {
        let bytes = format!("{chunked}{body}{hidden}").into_bytes();
        all.push(Vector { name: name.to_owned(), bytes, requests: 0, torn: true });
    }
    all
}
