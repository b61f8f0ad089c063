//! Any answer of a page: what of it reaches a visitor is a final response with one length at most, and binds no browser.
#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use pageport_gateway::front::response_headers::ResponseHead;
use pageport_proto::head::{Accepted, Reply};

// The first byte says what was asked.
fuzz_target!(|data: &[u8]| {
    let Some((method, text)) = data.split_first() else { return };
    let method = if method % 2 == 0 { Method::GET } else { Method::HEAD };
    let Ok(Reply::Ok(accepted)) = Reply::<Accepted>::parse(text) else { return };
    let Ok(head) = ResponseHead::of(&accepted, &method) else { return };
    assert!((200..=599).contains(&head.status.as_u16()));
    assert!(!(head.has_body && (method == Method::HEAD || [204, 304].contains(&head.status.as_u16()))));
    let lengths: Vec<_> = head.headers.get_all("content-length").iter().collect();
    assert!(lengths.len() <= 1);
    if let Some(length) = lengths.first() {
        assert_eq!(length.to_str().ok().and_then(|text| text.parse().ok()), head.length);
    }
    for name in ["connection", "transfer-encoding", "upgrade", "alt-svc", "strict-transport-security", "nel"]
    {
        assert!(!head.headers.contains_key(name), "{name}");
    }
    for cookie in head.headers.get_all("set-cookie") {
        assert!(!browser_sees_domain(cookie.as_bytes()), "{cookie:?}");
    }
    assert!(head.headers.contains_key("x-robots-tag"));
});

/// RFC 6265 §5.2, as browsers have it: attributes end at semicolons, their names are trimmed and have no case.
fn browser_sees_domain(cookie: &[u8]) -> bool {
    cookie.split(|byte| *byte == b';').skip(1).any(|attribute| {
        let name = attribute.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"domain")
    })
}
