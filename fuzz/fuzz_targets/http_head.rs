//! Any request head: the checks at the front door neither panic nor let through what they promise to keep out.
//!
//! The head is parsed by httparse, as hyper does it, so that the checks see what they see in the gateway.
#![no_main]

use std::collections::HashSet;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use libfuzzer_sys::fuzz_target;
use pageport_gateway::front::credential::bearer;
use pageport_gateway::front::handshake::{Handshake, Wanted};
use pageport_gateway::front::headers::for_page;
use pageport_gateway::front::host::{Site, host_of};
use pageport_gateway::front::origin::{AllowedOrigins, Origin};
use pageport_proto::Code;

const BASE: &str = "gw.example";
const SECRETS: [&str; 3] = ["sec-websocket-key", "authorization", "cookie"];

fuzz_target!(|data: &[u8]| {
    let Some(head) = parse(data) else { return };
    whose(&head);
    from_where(&head.headers);
    handshake(&head);
    to_the_page(&head.headers);
    if let Ok(Some(token)) = bearer(&head.headers) {
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
    }
});

struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
}

fn parse(data: &[u8]) -> Option<Head> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    if !request.parse(data).ok()?.is_complete() {
        return None;
    }
    let mut headers = HeaderMap::new();
    for field in request.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    Some(Head {
        method: request.method?.parse().ok()?,
        uri: request.path?.parse().ok()?,
        version: if request.version? == 1 { Version::HTTP_11 } else { Version::HTTP_10 },
        headers,
    })
}

/// Only hosts of this gateway get anywhere, and only with exactly one Host.
fn whose(head: &Head) {
    let hosts: Vec<&HeaderValue> = head.headers.get_all("host").iter().collect();
    let site = Site::of(head.version, &head.uri, &head.headers, BASE);
    let text = hosts.first().and_then(|value| value.to_str().ok());
    let host = text.and_then(host_of).map(str::to_ascii_lowercase);
    match site {
        Ok(site) => {
            assert_eq!(hosts.len(), 1);
            let expected = match site {
                Site::Gateway => BASE.to_owned(),
                Site::Listener(name) => format!("{name}.{BASE}"),
            };
            assert_eq!(host, Some(expected));
        }
        Err(code) => assert!([Code::ERR_HOST_INVALID, Code::ERR_HOST_UNKNOWN].contains(&code)),
    }
}

/// An origin is exact, and none of a listener or of a machine on the network gets in by default.
fn from_where(headers: &HeaderMap) {
    let Ok(Some(origin)) = Origin::of(headers) else { return };
    assert_eq!(Origin::parse(origin.as_str()).as_ref(), Some(&origin));
    assert_eq!(headers.get_all("origin").iter().count(), 1);
    let listed = AllowedOrigins::Listed(HashSet::from([origin.clone()]));
    let authority = origin.as_str().split_once("://").map_or("", |(_, authority)| authority);
    let host = authority
        .rsplit_once(':')
        .filter(|(_, port)| !port.contains(']'))
        .map_or(authority, |(host, _)| host);
    let under = host.ends_with(".gw.example") || host.ends_with(".localhost");
    assert_eq!(listed.allow(&origin, BASE), !under, "{origin}");
    if AllowedOrigins::Loopback.allow(&origin, BASE) {
        assert!(["localhost", "127.0.0.1", "[::1]"].contains(&host), "{origin}");
    }
}

/// What is completed is a handshake of RFC 6455 §4.2.1.
fn handshake(head: &Head) {
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.headers_mut() = head.headers.clone();
    let plain = head.method != Method::CONNECT && !head.headers.contains_key("upgrade");
    assert_eq!(Wanted::of(&request) == Wanted::Http, plain);
    let Ok(handshake) = Handshake::of(&head.method, head.version, &head.headers) else { return };
    assert_eq!((&head.method, head.version), (&Method::GET, Version::HTTP_11));
    assert_eq!(handshake.accept.map(|accept| accept.len()), Some(28));
    assert!(!head.headers.contains_key("content-length") && !head.headers.contains_key("transfer-encoding"));
    let distinct: HashSet<&String> = handshake.protocols.iter().collect();
    assert_eq!(distinct.len(), handshake.protocols.len());
    assert!(handshake.protocols.iter().all(|name| HeaderName::from_bytes(name.as_bytes()).is_ok()));
}

/// Nothing between hops, nothing of the handshake, no forwarding claims, and by path nothing that a browser keeps.
fn to_the_page(headers: &HeaderMap) {
    for by_path in [false, true] {
        let Ok(list) = for_page(headers, None, by_path) else { continue };
        for (name, value) in list.iter() {
            assert!(headers.contains_key(name));
            assert!(
                !name.starts_with("x-forwarded") && !["connection", "upgrade", "forwarded"].contains(&name)
            );
            let kept = SECRETS.iter().position(|secret| name == *secret);
            assert!(kept.is_none_or(|at| at > 0 && !by_path), "{name}");
            assert!(value.chars().all(|char| u32::from(char) < 0x100 && !matches!(char, '\r' | '\n' | '\0')));
        }
    }
}
