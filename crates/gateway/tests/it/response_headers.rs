//! What of a page's answer passes, for any answer: lengths and cookies read as whoever receives them reads them.

use http::{Method, StatusCode};
use pageport_gateway::front::response_headers::{ResponseHead, content_length, names_domain};
use pageport_proto::Code;
use pageport_proto::head::{Accepted, Headers};
use proptest::collection::vec;
use proptest::prelude::*;

/// Fields that decide something, in forms that nearly do.
fn field() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        Just("set-cookie"),
        Just("content-length"),
        Just("connection"),
        Just("transfer-encoding"),
        Just("x-named"),
        Just("strict-transport-security"),
        Just("x-robots-tag"),
        Just("x-free"),
    ];
    let value = prop_oneof![
        "[0-9]{1,20}",
        "[+-]?[0-9, ]{0,4}",
        "[a-z]{1,3}=[a-z]{0,3}(;[ \t]?(domain|Domain|DOMAIN|path|Secure)[ \t]?=?[a-z.]{0,4}){0,3}",
        "(x-named|close|set-cookie|X-Free)(, ?(x-named|close))?",
        "[ -~\u{80}-\u{ff}]{0,12}",
    ];
    (name.prop_map(str::to_owned), value.prop_map(|value| value.trim_matches([' ', '\t']).to_owned()))
}

proptest! {
    #[test]
    fn whatever_passes_is_one_final_response_that_binds_nobody(
        status in prop_oneof![0u16..700, Just(204), Just(304)],
        fields in vec(field(), 0..8),
        is_head in any::<bool>(),
    ) {
        let headers = Headers::try_from(fields.clone()).expect("good fields");
        let method = if is_head { Method::HEAD } else { Method::GET };
        let lengths: Vec<_> = fields.iter().filter(|(name, _)| name == "content-length").collect();
        let one_number = match lengths.as_slice() {
            [] => Ok(None),
            [(_, digits)] if !digits.is_empty() && digits.chars().all(|char| char.is_ascii_digit()) => {
                digits.parse::<u64>().map(Some).map_err(|_| ())
            }
            _ => Err(()),
        };
        let result = ResponseHead::of(&Accepted { status, headers }, &method);
        prop_assert_eq!(result.is_ok(), (200..600).contains(&status) && one_number.is_ok());
        let Ok(head) = result else { return Ok(()) };
        prop_assert_eq!(Ok(head.length), one_number);
        for name in ["connection", "transfer-encoding", "strict-transport-security"] {
            prop_assert!(!head.headers.contains_key(name));
        }
        let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&head.status);
        let expected = if bodiless { None } else { head.length };
        let sent = head.headers.get("content-length").map(|length| length.to_str().expect("digits").to_owned());
        prop_assert_eq!(sent, expected.map(|length| length.to_string()));
        prop_assert_eq!(head.has_body, !bodiless && !is_head && head.length != Some(0));
        for cookie in head.headers.get_all("set-cookie") {
            prop_assert!(!browser_sees_domain(cookie.as_bytes()), "{:?}", cookie);
        }
        let named = fields.iter().any(|(name, value)| name == "connection" && value.to_lowercase().contains("x-named"));
        prop_assert!(!(named && head.headers.contains_key("x-named")));
        // What decides nothing passes as it is, and in its order.
        let free: Vec<Vec<u8>> = fields
            .iter()
            .filter(|(name, _)| name == "x-free")
            .map(|(_, value)| value.chars().map(|char| u8::try_from(u32::from(char)).expect("a byte")).collect())
            .collect();
        let dropped = fields.iter().any(|(name, value)| name == "connection" && value.to_lowercase().contains("x-free"));
        if !dropped {
            let passed: Vec<_> = head.headers.get_all("x-free").iter().map(|value| value.as_bytes().to_vec()).collect();
            prop_assert_eq!(passed, free);
        }
    }

    #[test]
    fn a_cookie_that_a_browser_would_share_is_never_passed(cookie in "[ -~\t\u{80}-\u{ff}]{0,40}") {
        prop_assert!(!browser_sees_domain(cookie.as_bytes()) || names_domain(&cookie));
    }
}

#[test]
fn cookies_of_the_own_host_pass_and_shared_ones_do_not() {
    for own in [
        "a=b",
        "a=b; Path=/",
        "domain=x",
        "a=domain=x",
        "a=b; Path=/domain; SameSite=Lax",
        "__Host-a=b; Secure",
        "a=b; x=domain",
    ] {
        assert!(!names_domain(own), "{own}");
    }
    for shared in [
        "a=b; Domain=gw.example",
        "a=b;domain=.gw.example",
        "a=b; DOMAIN",
        "a=b; Domain=",
        "=; Domain=x",
        "a=b;\tdomain\t= x",
        "a=\"b; Domain=x\"",
        "a=b; \u{a0}Domain=x",
        "a=b;;; Domain=x",
    ] {
        assert!(names_domain(shared), "{shared}");
    }
}

#[test]
fn a_length_is_one_number() {
    let list = |values: &[&str]| {
        let fields =
            values.iter().map(|value| ("content-length".to_owned(), (*value).to_owned())).collect::<Vec<_>>();
        Headers::try_from(fields).expect("good fields")
    };
    assert_eq!(content_length(&list(&[])), Ok(None));
    assert_eq!(content_length(&list(&["0"])), Ok(Some(0)));
    assert_eq!(content_length(&list(&["18446744073709551615"])), Ok(Some(u64::MAX)));
    for bad in [&["1", "1"][..], &["1, 1"], &["18446744073709551616"], &[""], &["-1"], &["1 2"], &["\u{b2}"]]
    {
        assert_eq!(content_length(&list(bad)), Err(Code::ERR_BAD_REPLY), "{bad:?}");
    }
}

/// RFC 6265 §5.2, as browsers have it: attributes end at semicolons, their names are trimmed and have no case.
fn browser_sees_domain(cookie: &[u8]) -> bool {
    cookie.split(|byte| *byte == b';').skip(1).any(|attribute| {
        let name = attribute.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"domain")
    })
}
