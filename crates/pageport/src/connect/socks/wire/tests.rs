//! Requests of every shape, whole, cut short, and in nonsense.

use proptest::prelude::*;

use super::*;

/// Both halves of a client that has said all this and listens.
struct Said<'a> {
    rest: &'a [u8],
    heard: Vec<u8>,
}

fn run<T>(doing: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(doing)
}

/// What came of a greeting, what was answered, and what was left unread.
fn greeted<'a>(said: &'a [u8], credentials: Option<&Credentials>) -> (Result<(), Bad>, Said<'a>) {
    let mut stream = tokio::io::join(said, Vec::new());
    let result = run(authenticate(&mut stream, credentials));
    let (rest, heard) = stream.into_inner();
    (result, Said { rest, heard })
}

fn asked(mut said: &[u8]) -> (Result<Endpoint, Bad>, usize) {
    let result = run(request(&mut said));
    (result, said.len())
}

/// A CONNECT for this, as a client writes it.
fn connect(to: &Endpoint) -> Vec<u8> {
    let mut bytes = vec![5, 1, 0];
    match &to.host {
        Host::Ip(std::net::IpAddr::V4(address)) => {
            bytes.push(1);
            bytes.extend(address.octets());
        }
        Host::Ip(std::net::IpAddr::V6(address)) => {
            bytes.push(4);
            bytes.extend(address.octets());
        }
        Host::Name(name) => {
            bytes.extend([3, u8::try_from(name.len()).expect("short")]);
            bytes.extend(name.as_bytes());
        }
    }
    bytes.extend(to.port.to_be_bytes());
    bytes
}

fn endpoints() -> impl Strategy<Value = Endpoint> {
    let name = "[a-z][a-z0-9-]{0,20}(\\.[a-z][a-z0-9_]{0,9}){0,3}";
    let host = prop_oneof![
        any::<[u8; 4]>().prop_map(|bytes| Host::Ip(Ipv4Addr::from(bytes).into())),
        any::<[u8; 16]>().prop_map(|bytes| Host::Ip(Ipv6Addr::from(bytes).into())),
        name.prop_map(|name| Host::parse(&name).expect("a name")),
    ];
    (host, 1..=u16::MAX).prop_map(|(host, port)| Endpoint { host, port })
}

proptest! {
    #[test]
    fn what_a_client_asks_for_is_what_is_read_and_nothing_behind_it(to in endpoints(), behind in any::<Vec<u8>>()) {
        let bytes = [connect(&to), behind.clone()].concat();
        let (result, left) = asked(&bytes);
        prop_assert_eq!(result.expect("a request"), to);
        prop_assert_eq!(left, behind.len());
    }

    #[test]
    fn a_request_that_is_cut_short_is_none(to in endpoints(), at in any::<prop::sample::Index>()) {
        let bytes = connect(&to);
        let (result, left) = asked(&bytes[..at.index(bytes.len())]);
        prop_assert!(matches!(result, Err(Bad::Gone(_))), "{:?}", result);
        prop_assert_eq!(left, 0);
    }

    #[test]
    fn nonsense_is_refused_and_takes_no_more_than_a_request_may_have(bytes in any::<Vec<u8>>()) {
        let (result, left) = asked(&bytes);
        prop_assert!(bytes.len() - left <= 4 + 1 + 255 + 2);
        if let Ok(to) = result {
            // What was understood means what it says; the name only in lower case.
            let mut again = connect(&to);
            let mut read = bytes[..bytes.len() - left].to_vec();
            again.make_ascii_lowercase();
            read.make_ascii_lowercase();
            prop_assert!(again == read || read[3] == 3, "{:?} {:?}", again, read);
        }
    }

    #[test]
    fn only_who_offers_what_is_wanted_is_let_on(methods in prop::collection::vec(any::<u8>(), 0..=255)) {
        let greeting = [&[5, u8::try_from(methods.len()).expect("at most 255")][..], &methods, b"rest"].concat();
        let (result, Said { rest, heard }) = greeted(&greeting, None);
        prop_assert_eq!(result.is_ok(), methods.contains(&0));
        prop_assert_eq!(heard, if methods.contains(&0) { [5, 0] } else { [5, 0xff] });
        prop_assert_eq!(rest, b"rest");
    }
}

#[test]
fn the_password_is_asked_for_where_there_is_one() {
    let credentials: Credentials = "user:pass:word".parse().expect("credentials");
    let login = |user: &str, password: &str| {
        let part = |text: &str| [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
        [&[5, 2, 0, 2, 1][..], &part(user), &part(password)].concat()
    };
    let (result, said) = greeted(&login("user", "pass:word"), Some(&credentials)).clone_heard();
    assert!(result.is_ok() && said == [5, 2, 1, 0]);
    for (user, password) in [("user", "pass"), ("user", "pass:worD"), ("USER", "pass:word"), ("", "")] {
        let (result, said) = greeted(&login(user, password), Some(&credentials)).clone_heard();
        assert!(matches!(result, Err(Bad::Credentials)) && said == [5, 2, 1, 1], "{user}");
    }
    let (result, said) = greeted(&[5, 1, 0], Some(&credentials)).clone_heard();
    assert!(matches!(result, Err(Bad::Method)) && said == [5, 0xff], "without one nobody is let on");
}

#[test]
fn what_is_something_else_is_told_apart() {
    for first in [b"GET / HTTP/1.1\r\n".as_slice(), &[4, 1, 0, 80, 127, 0, 0, 1, 0], &[22, 3, 1]] {
        let (result, said) = greeted(first, None).clone_heard();
        assert!(matches!(result, Err(Bad::Version)) && said.is_empty());
    }
    let refusal = |bytes: &[u8]| match asked(bytes).0 {
        Err(Bad::Request(_, rep)) => Some(rep as u8),
        _ => None,
    };
    let to = [127, 0, 0, 1, 0, 80];
    for (head, rep) in
        [([5, 2, 0, 1], 7), ([5, 3, 0, 1], 7), ([5, 0, 0, 1], 7), ([5, 1, 0, 2], 8), ([5, 1, 9, 1], 1)]
    {
        assert_eq!(refusal(&[&head[..], &to].concat()), Some(rep), "{head:?}");
    }
    assert_eq!(refusal(&[5, 1, 0, 1, 127, 0, 0, 1, 0, 0]), Some(1), "port 0");
    for name in ["", "a b", "127.1", "0x7f.1", "%61", "a..b", "\u{e4}", "a.example."] {
        let length = u8::try_from(name.len()).expect("short");
        let bytes = [&[5, 1, 0, 3, length][..], name.as_bytes(), &[0, 80]].concat();
        assert_eq!(refusal(&bytes), Some(1), "{name}");
    }
    assert!(matches!(asked(&[4, 1, 0, 1]).0, Err(Bad::Version)));
}

trait Heard {
    fn clone_heard(self) -> (Result<(), Bad>, Vec<u8>);
}

impl Heard for (Result<(), Bad>, Said<'_>) {
    fn clone_heard(self) -> (Result<(), Bad>, Vec<u8>) {
        (self.0, self.1.heard)
    }
}
