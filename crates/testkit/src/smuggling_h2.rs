//! The same over HTTP/2: frames by hand, with every field as a plain literal (RFC 7541 §6.2.2), so that nothing checks them first.

use crate::smuggling::{HIDDEN, Vector};

/// A head, pseudo-header fields first.
type Fields = Vec<(String, String)>;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// One frame (RFC 9113 §4.1).
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block of plain literals. A field is at most 16 KiB.
#[must_use]
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            match u8::try_from(text.len()) {
                Ok(length) if length < 127 => out.push(length),
                // A prefix of seven bits, then groups of seven (RFC 7541 §5.1).
                _ => {
                    let mut rest = text.len() - 127;
                    out.push(127);
                    while rest >= 128 {
                        out.push(u8::try_from(rest % 128).unwrap_or(0) | 128);
                        rest /= 128;
                    }
                    out.push(u8::try_from(rest).unwrap_or(0));
                }
            }
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

/// What a connection begins with.
#[must_use]
pub fn opening() -> Vec<u8> {
    [PREFACE, &frame(4, 0, 0, b"")].concat()
}

/// Over HTTP/2 from the first byte, for this authority.
#[must_use]
pub fn http2(host: &str) -> Vec<Vector> {
    let good = [(":method", "GET"), (":scheme", "http"), (":authority", host), (":path", "/")];
    let with =
        |fields: &[(&str, &str)]| [&good[..], fields].concat().iter().map(|field| own(*field)).collect();
    let but = |name: &str, value: &str| -> Fields {
        good.iter().map(|field| own(if field.0 == name { (field.0, value) } else { *field })).collect()
    };
    let without = |name: &str| -> Fields {
        good.iter().filter(|field| field.0 != name).map(|field| own(*field)).collect()
    };
    let line = format!("/ HTTP/1.1\r\nHost: {host}\r\n\r\nGET {HIDDEN}");
    let method = format!("GET {HIDDEN} HTTP/1.1\r\nHost: {host}\r\n\r\nGET");
    let field = format!("a\r\n\r\nGET {HIDDEN} HTTP/1.1\r\nHost: {host}");
    let cases: Vec<(usize, &str, Fields)> = vec![
        (1, "nothing wrong", with(&[])),
        (1, "two cookies", with(&[("cookie", "a=b"), ("cookie", "c=d")])),
        (1, "the same Host", with(&[("host", host)])),
        (1, "te: trailers", with(&[("te", "trailers")])),
        (0, "CR LF in a value", with(&[("x", &field)])),
        (0, "LF in a value", with(&[("x", "a\ncontent-length: 5")])),
        (0, "CR in a value", with(&[("x", "a\rb")])),
        (0, "NUL in a value", with(&[("x", "a\0b")])),
        (0, "CR LF in a name", with(&[("x: y\r\nz", "a")])),
        (0, "a colon in a name", with(&[("x:y", "a")])),
        (0, "a space in a name", with(&[("x y", "a")])),
        (0, "a name in upper case", with(&[("Content-Length", "0")])),
        (0, "an empty name", with(&[("", "a")])),
        (0, "CR LF in :path", but(":path", &line)),
        (0, "a space in :path", but(":path", "/a b")),
        (0, "an empty :path", but(":path", "")),
        (0, "a :path that is no path", but(":path", "smuggled")),
        (0, "CR LF in :method", but(":method", &method)),
        (0, "a space in :method", but(":method", "GET /smuggled")),
        (0, "CR LF in :authority", but(":authority", &format!("{host}\r\nx: y"))),
        (0, "somebody in :authority", but(":authority", &format!("a@{host}"))),
        (0, "a path in :authority", but(":authority", &format!("{host}/smuggled"))),
        (0, "an :authority of others", but(":authority", "other.example")),
        (0, "CR LF in :scheme", but(":scheme", "http\r\nx: y")),
        (0, "a URL in :scheme", but(":scheme", "http://other.example/?")),
        (0, "no :method", without(":method")),
        (0, "no :path", without(":path")),
        (0, "no :scheme", without(":scheme")),
        (0, "no :authority and no Host", without(":authority")),
        (0, "two :path", with(&[(":path", HIDDEN)])),
        (0, "two :method", with(&[(":method", "POST")])),
        (0, "two :authority", with(&[(":authority", host)])),
        (0, "an unknown pseudo field", with(&[(":hidden", HIDDEN)])),
        (0, "a pseudo field behind others", {
            let mut fields = without(":path");
            fields.extend([own(("x", "y")), own((":path", "/"))]);
            fields
        }),
        (0, "another Host", with(&[("host", "other.example")])),
        (0, "two Hosts", with(&[("host", host), ("host", host)])),
        (0, "transfer-encoding", with(&[("transfer-encoding", "chunked")])),
        (0, "connection", with(&[("connection", "keep-alive")])),
        (0, "keep-alive", with(&[("keep-alive", "timeout=5")])),
        (0, "proxy-connection", with(&[("proxy-connection", "keep-alive")])),
        (0, "upgrade", with(&[("upgrade", "websocket")])),
        (0, "te: gzip", with(&[("te", "gzip")])),
        (0, "a length without a body", with(&[("content-length", "5")])),
        (0, "two lengths", with(&[("content-length", "0"), ("content-length", "5")])),
        (0, "a length with a sign", with(&[("content-length", "+0")])),
        (0, "CONNECT with a path", but(":method", "CONNECT")),
        (0, "an unknown :protocol", {
            let mut fields = but(":method", "CONNECT");
            fields.push(own((":protocol", "connect-tcp")));
            fields
        }),
    ];
    let mut all: Vec<Vector> =
        cases.into_iter().map(|(requests, name, fields)| vector(requests, name, &fields)).collect();
    let hidden = format!("GET {HIDDEN} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let post =
        |length: &str| block(&[&[(":method", "POST")], &good[1..], &[("content-length", length)]].concat());
    let with_body = |requests: usize, torn: bool, name: &str, length: usize| {
        let headers = frame(1, END_HEADERS, 1, &post(&length.to_string()));
        let data = frame(0, END_STREAM, 1, hidden.as_bytes());
        Vector { name: name.to_owned(), bytes: [opening(), headers, data].concat(), requests, torn }
    };
    all.push(with_body(1, false, "a body that looks like a request", hidden.len()));
    all.push(with_body(0, true, "a body longer than it says", 3));
    all.push(with_body(0, true, "a body shorter than it says", hidden.len() + 9));
    all
}

fn vector(requests: usize, name: &str, fields: &[(String, String)]) -> Vector {
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let headers = frame(1, END_STREAM | END_HEADERS, 1, &block(&fields));
    Vector { name: name.to_owned(), bytes: [opening(), headers].concat(), requests, torn: false }
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
