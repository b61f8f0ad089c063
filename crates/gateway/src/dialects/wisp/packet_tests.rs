//! Packets: those of clients as they travel, and anything else.

use super::*;
use proptest::prelude::*;

fn parse(bytes: &[u8]) -> Result<Packet, Malformed> {
    Packet::parse(Bytes::copy_from_slice(bytes))
}

fn stream(id: u32) -> StreamId {
    StreamId::new(id).expect("not 0")
}

fn connect(kind: u8, port: u16, host: &[u8]) -> Option<Wish> {
    let mut bytes = vec![CONNECT, 7, 0, 0, 0, kind];
    bytes.extend(port.to_le_bytes());
    bytes.extend(host);
    match parse(&bytes) {
        Ok(Packet::Connect { stream, wish }) if stream.get() == 7 => wish,
        other => panic!("{other:?}"),
    }
}

#[test]
fn packets_of_clients_are_read() {
    let payload = Bytes::from_static(b"GET");
    assert_eq!(parse(b"\x02\x5c\0\0\0GET"), Ok(Packet::Data { stream: stream(92), payload }));
    assert_eq!(
        parse(b"\x04\xff\xff\xff\xff\x02"),
        Ok(Packet::Close { stream: Some(stream(u32::MAX)), reason: 2 })
    );
    assert_eq!(parse(b"\x04\0\0\0\0\x04"), Ok(Packet::Close { stream: None, reason: 4 }));
    assert_eq!(parse(b"\x03\x01\0\0\0\x01\0\0\0"), Ok(Packet::Continue));
    assert_eq!(parse(b"\x05\0\0\0\0\x02\0"), Ok(Packet::Info(Bytes::from_static(b"\x02\0"))));
}

#[test]
fn a_wish_is_a_host_and_a_port_that_can_be() {
    let wish = connect(1, 443, b"Example.COM").expect("a wish");
    assert_eq!((wish.kind, wish.to.to_string()), (Kind::Tcp, "example.com:443".to_owned()));
    for (host, read) in [
        ("192.0.2.7", "192.0.2.7:53"),
        ("[2001:db8::7]", "[2001:db8::7]:53"),
        ("2001:db8::7", "[2001:db8::7]:53"),
    ] {
        let wish = connect(2, 53, host.as_bytes()).expect(host);
        assert_eq!((wish.kind, wish.to.to_string()), (Kind::Udp, read.to_owned()));
    }
    for host in [
        "",
        "127.1",
        "0177.0.0.1",
        "0x7f.1",
        "2130706433",
        "a b",
        "a\0",
        "fe80::1%eth0",
        "%31",
        "a..b",
        " a",
        "a:1",
        "\u{fc}",
    ] {
        assert_eq!(connect(1, 80, host.as_bytes()), None, "{host:?}");
    }
    assert_eq!(connect(1, 80, b"\xff"), None, "no UTF-8");
    assert_eq!(connect(1, 0, b"example.com"), None, "port 0");
    assert_eq!(connect(3, 80, b"example.com"), None, "no such kind");
    assert_eq!(parse(b"\x01\x07\0\0\0\x01\x50"), Ok(Packet::Connect { stream: stream(7), wish: None }));
}

#[test]
fn what_is_no_packet_is_malformed() {
    for bytes in [&b""[..], b"\x02", b"\x02\0\0\0", b"\x04\x01\0\0\0"] {
        assert_eq!(parse(bytes), Err(Malformed::Short), "{bytes:?}");
    }
    for kind in [0, 6, 255] {
        assert_eq!(parse(&[kind, 1, 0, 0, 0]), Err(Malformed::Type(kind)));
    }
    for bytes in [&b"\x01\0\0\0\0\x01\x50\0a"[..], b"\x02\0\0\0\0a", b"\x05\x01\0\0\0\x02\0"] {
        assert_eq!(parse(bytes), Err(Malformed::Stream), "{bytes:?}");
    }
}

#[test]
fn packets_of_the_gateway_are_as_long_as_they_must_be() {
    assert_eq!(&*carry_on(None, 128), b"\x03\0\0\0\0\x80\0\0\0");
    assert_eq!(&*carry_on(Some(stream(258)), 64), b"\x03\x02\x01\0\0\x40\0\0\0");
    assert_eq!(&*close(Some(stream(1)), Reason::Blocked), b"\x04\x01\0\0\0\x48");
    assert_eq!(&*close(None, Reason::Missing), b"\x04\0\0\0\0\xc2");
    assert_eq!(&*info(b"\x02\x01"), b"\x05\0\0\0\0\x02\x01");
}

proptest! {
    #[test]
    fn data_arrives_as_it_was_sent(id in 1_u32.., bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut out = BytesMut::new();
        begin_data(&mut out, stream(id));
        out.extend_from_slice(&bytes);
        prop_assert_eq!(Packet::parse(out.freeze()), Ok(Packet::Data { stream: stream(id), payload: bytes.into() }));
    }

    #[test]
    fn anything_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let read = parse(&bytes);
        prop_assert!(read.is_err() || bytes.len() >= HEADER);
        if let Ok(Packet::Connect { wish: Some(wish), .. }) = read {
            prop_assert_eq!(Endpoint::parse(&wish.to.to_string()), Some(wish.to));
        }
    }
}
