//! Carriers that come to a session: who is let in, in which order, and what the others are told.

use std::time::Duration;

use pageport_link::{CarrierKind, Connector, LinkError, SessionState, Settings, StreamError};
use pageport_proto::frame::{Data, Frame, Mark};
use pageport_proto::hello::{Hello, Secret};
use pageport_proto::{Code, Limits, Role, StreamId};
use pageport_testkit::{Cut, CutRelay};
use serde_json::json;

use crate::support::{
    Gateway, KINDS, RawPage, RawQuicPage, SwallowingProxy, Swallows, TCP_KINDS, close_websocket, guard,
};

#[tokio::test]
async fn a_connector_falls_back_to_websocket_where_bytes_do_not_pass() {
    let gateway = Gateway::with_carriers(&[CarrierKind::WebSocket]).await;
    let page = guard(Connector::new(&gateway.url()).unwrap().connect()).await.unwrap();
    assert_eq!(page.stats().carrier, Some(CarrierKind::WebSocket));
    page.abort_carrier();
    assert!(guard(page.attached()).await);
    assert_eq!(page.stats().carrier, Some(CarrierKind::WebSocket));
}

#[tokio::test]
async fn a_kind_that_opens_and_then_swallows_everything_gives_way_to_the_next() {
    for swallows in [Swallows::All, Swallows::Up] {
        // A gateway that hears nothing says so where it can.
        let gateway = Gateway::with_hello_timeout(Duration::from_millis(200)).await;
        let proxy = SwallowingProxy::to(gateway.address, swallows).await;
        let connector = impatient(&gateway).dial(proxy.address);
        let page = guard(connector.connect()).await.unwrap();
        assert_eq!((page.stats().carrier, page.stats().attaches), (Some(CarrierKind::Http), 1));
    }
}

#[tokio::test]
async fn a_session_leaves_a_kind_that_swallows_everything_from_now_on() {
    let gateway = Gateway::start().await;
    let proxy = SwallowingProxy::to(gateway.address, Swallows::Nothing).await;
    let page = guard(impatient(&gateway).dial(proxy.address).connect()).await.unwrap();
    assert_eq!(page.stats().carrier, Some(CarrierKind::Bytes));
    proxy.swallow(Swallows::All);
    page.abort_carrier();
    assert!(guard(page.attached()).await);
    assert_eq!(page.stats().carrier, Some(CarrierKind::Http));
}

/// Gives an attempt up after 400 ms.
fn impatient(gateway: &Gateway) -> Connector {
    let mut settings = Settings::new(Role::Page);
    settings.timings.attempt = Duration::from_millis(400);
    Connector::new(&gateway.url()).unwrap().settings(settings)
}

#[tokio::test]
async fn a_connector_prefers_bytes() {
    let gateway = Gateway::start().await;
    let page = guard(Connector::new(&gateway.url()).unwrap().connect()).await.unwrap();
    assert_eq!(page.stats().carrier, Some(CarrierKind::Bytes));
}

#[tokio::test]
async fn a_credential_travels_on_the_upgrade_and_a_wrong_one_is_told() {
    let gateway = Gateway::with_credential("right").await;
    for kind in KINDS {
        let connector = gateway.connector(kind).credential("right".to_owned());
        guard(connector.connect()).await.unwrap();
        let connector = gateway.connector(kind).credential("wrong".to_owned());
        match guard(connector.connect()).await {
            Err(LinkError::Refused { status: 401, code: Some(Code::ERR_CREDENTIAL_INVALID) }) => {}
            // There a status is all that an answer has.
            Err(LinkError::Refused { status: 401, code: None }) if kind == CarrierKind::WebTransport => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_credential_is_never_printed() {
    let connector = Connector::new("http://127.0.0.1:1").unwrap();
    let connector = connector.credential("swordfish".to_owned());
    let connector = connector.proxy("http://me:swordfish@127.0.0.1:2").unwrap();
    let hello = Hello {
        session: None,
        n: 1,
        limits: Limits::default(),
        features: Vec::new(),
        credential: Some("swordfish".to_owned()),
    };
    let printed = format!("{connector:?} {hello:?}");
    assert!(!printed.contains("swordfish"), "{printed}");
    assert!(!printed.contains("bWU6c3dvcmRmaXNo"), "{printed}");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_an_error_at_once() {
    let gateway = Gateway::start().await;
    let url = gateway.url();
    drop(gateway);
    tokio::task::yield_now().await;
    let error = guard(Connector::new(&url).unwrap().connect()).await.unwrap_err();
    assert!(matches!(error, LinkError::Io(_)), "{error:?}");
    assert_eq!(error.code(), Code::ERR_GATEWAY_UNREACHABLE);
}

#[tokio::test]
async fn a_gateway_that_was_started_anew_ends_the_session_and_its_streams() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, _) = gateway.connect(kind).await;
        let mut stream = page.open(&json!({ "do": "stall" })).unwrap();
        guard(stream.reply()).await.unwrap();
        gateway.forget_sessions();
        page.abort_carrier();
        assert_eq!(guard(page.closed()).await, Code::ERR_SESSION_LOST);
        assert_eq!(guard(stream.read_chunk()).await, Err(StreamError::SessionClosed(Code::ERR_SESSION_LOST)));
    }
}

#[tokio::test]
async fn a_session_ends_when_its_lease_is_over() {
    let lease = Duration::from_millis(300);
    for kind in TCP_KINDS {
        let gateway = Gateway::with_settings(Settings { lease, ..Settings::new(Role::Gateway) }).await;
        let relay = CutRelay::to(gateway.address).await.unwrap();
        let page = gateway.connector(kind).dial(relay.address()).connect().await.unwrap();
        let at_gateway = gateway.newest().await;
        assert!(guard(at_gateway.attached()).await);
        relay.refuse(true);
        relay.cut(Cut::Reset);
        assert_eq!(guard(at_gateway.closed()).await, Code::ERR_SESSION_LOST);
        assert!(
            matches!(page.state(), SessionState::Parked { .. }),
            "the page cannot know: {:?}",
            page.state()
        );
        relay.refuse(false);
        assert_eq!(guard(page.closed()).await, Code::ERR_SESSION_LOST);
    }
}

#[tokio::test]
async fn a_page_that_is_left_keeps_its_session_for_a_moment_only() {
    let mut settings = Settings::new(Role::Gateway);
    settings.timings.leave = Duration::from_millis(100);
    let gateway = Gateway::with_settings(settings).await;
    let aborted = close_websocket(&gateway, 1000).await;
    let left = close_websocket(&gateway, 1001).await;
    assert_eq!(guard(left.closed()).await, Code::ERR_SESSION_LOST);
    assert!(matches!(aborted.state(), SessionState::Parked { .. }), "{:?}", aborted.state());
}

#[tokio::test]
async fn a_page_whose_first_stream_just_ends_is_left() {
    let mut settings = Settings::new(Role::Gateway);
    settings.timings.leave = Duration::from_millis(100);
    let gateway = Gateway::with_settings(settings).await;
    let (aborted, parked) = RawQuicPage::attach(&gateway).await;
    aborted.close(0);
    let (mut closed, left) = RawQuicPage::attach(&gateway).await;
    closed.finish();
    assert_eq!(guard(left.closed()).await, Code::ERR_SESSION_LOST);
    assert!(matches!(parked.state(), SessionState::Parked { .. }), "{:?}", parked.state());
}

#[tokio::test]
async fn a_number_that_is_not_higher_is_stale_and_changes_nothing() {
    let gateway = Gateway::start().await;
    let mut page = RawPage::connect(gateway.address).await;
    let identity = guard(page.begin()).await;
    let at_gateway = gateway.newest().await;
    assert!(guard(at_gateway.attached()).await);

    let mut stale = RawPage::connect(gateway.address).await;
    stale.hello(1, Some(identity)).await;
    assert_eq!(guard(stale.farewell()).await, Some((false, Code::ERR_ATTACH_STALE)));
    assert_eq!(guard(stale.receive()).await, None);
    assert_eq!(gateway.refused(0).await, Code::ERR_ATTACH_STALE);
    assert_eq!((at_gateway.state(), at_gateway.stats().attaches), (SessionState::Attached, 1));
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_session_are_told_apart_and_change_nothing() {
    let gateway = Gateway::start().await;
    let mut page = RawPage::connect(gateway.address).await;
    let (id, secret) = guard(page.begin()).await;
    let at_gateway = gateway.newest().await;

    let mut thief = RawPage::connect(gateway.address).await;
    thief.hello(9, Some((id, Secret::new([0; 32])))).await;
    assert_eq!(guard(thief.farewell()).await, Some((true, Code::ERR_ATTACH_FORBIDDEN)));

    let mut lost = RawPage::connect(gateway.address).await;
    lost.hello(9, Some((pageport_proto::hello::SessionId::new([0; 16]), secret))).await;
    assert_eq!(guard(lost.farewell()).await, Some((true, Code::ERR_SESSION_LOST)));
    assert!(guard(at_gateway.attached()).await);
    assert_eq!(at_gateway.stats().attaches, 1);
}

#[tokio::test]
async fn after_a_lost_welcome_only_the_next_number_attaches() {
    let gateway = Gateway::start().await;
    let mut page = RawPage::connect(gateway.address).await;
    let identity = guard(page.begin()).await;
    let at_gateway = gateway.newest().await;
    assert!(guard(at_gateway.attached()).await);
    drop(page);

    let mut lost = RawPage::connect(gateway.address).await;
    lost.hello(2, Some(identity.clone())).await;
    guard(lost.welcome()).await;
    drop(lost);

    let mut again = RawPage::connect(gateway.address).await;
    again.hello(2, Some(identity.clone())).await;
    assert_eq!(guard(again.farewell()).await, Some((false, Code::ERR_ATTACH_STALE)));

    let mut third = RawPage::connect(gateway.address).await;
    third.hello(3, Some(identity)).await;
    let welcome = guard(third.welcome()).await;
    assert_eq!(welcome.secret, None, "a secret is sent once");
    third.resume().await;
    match guard(third.receive()).await {
        Some(Frame::Resume(resume)) => assert!(resume.end),
        other => panic!("{other:?} in place of RESUME"),
    }
    assert_eq!(at_gateway.stats().attaches, 2);
}

#[tokio::test]
async fn a_newer_carrier_takes_over_and_the_older_one_is_told() {
    let gateway = Gateway::start().await;
    let mut old = RawPage::connect(gateway.address).await;
    let identity = guard(old.begin()).await;
    let mut new = RawPage::connect(gateway.address).await;
    new.hello(2, Some(identity)).await;
    guard(new.welcome()).await;
    new.resume().await;
    assert_eq!(guard(old.farewell()).await, Some((false, Code::ERR_CARRIER_REPLACED)));
    assert_eq!(guard(old.receive()).await, None, "the carrier ends behind its farewell");
}

#[tokio::test]
async fn frames_in_the_wrong_order_end_the_carrier_with_a_code() {
    let gateway = Gateway::start().await;
    let data = Frame::Data(Data {
        stream: StreamId::new(1).unwrap(),
        offset: 0,
        mark: Mark::None,
        bytes: bytes::Bytes::from_static(b"\x02{}"),
    });

    let mut first = RawPage::connect(gateway.address).await;
    first.send(&data).await;
    assert_eq!(guard(first.farewell()).await, Some((true, Code::ERR_ATTACH_ORDER)));

    let mut behind_hello = RawPage::connect(gateway.address).await;
    let mut both = bytes::BytesMut::new();
    let hello = br#"{"version":1,"n":1,"limits":{"streams":1,"initial":4096,"unreceived":65536}}"#;
    Frame::Hello(bytes::Bytes::from_static(hello)).encode(&mut both);
    data.encode(&mut both);
    behind_hello.write(&both).await;
    assert_eq!(guard(behind_hello.farewell()).await, Some((true, Code::ERR_ATTACH_ORDER)));

    let mut before_resume = RawPage::connect(gateway.address).await;
    before_resume.hello(1, None).await;
    guard(before_resume.welcome()).await;
    before_resume.send(&data).await;
    assert_eq!(guard(before_resume.farewell()).await, Some((true, Code::ERR_ATTACH_ORDER)));

    let mut twice = RawPage::connect(gateway.address).await;
    guard(twice.begin()).await;
    twice.resume().await;
    assert_eq!(guard(twice.farewell()).await, Some((true, Code::ERR_ATTACH_ORDER)));
}

#[tokio::test]
async fn a_hello_that_breaks_its_format_is_refused_with_its_code() {
    let gateway = Gateway::start().await;
    for (payload, code) in [
        (&br#"{"version":2}"#[..], Code::ERR_VERSION),
        (
            br#"{"version":1,"n":0,"limits":{"streams":1,"initial":4096,"unreceived":65536}}"#,
            Code::ERR_HELLO_INVALID,
        ),
        (br#"{"version":1,"version":1}"#, Code::ERR_HELLO_INVALID),
        (b"[]", Code::ERR_HELLO_INVALID),
        (b"", Code::ERR_HELLO_INVALID),
    ] {
        let mut page = RawPage::connect(gateway.address).await;
        page.send(&Frame::Hello(bytes::Bytes::from_static(payload))).await;
        assert_eq!(guard(page.farewell()).await, Some((true, code)), "{}", String::from_utf8_lossy(payload));
    }
    // Type HELLO, and a length of 4,097, then 66,561, then 2^53 - 1; and that of another type. The payload never comes, and nobody waits for it, nor
    // makes room.
    for (header, code) in [
        (&[0x00, 0x50, 0x01][..], Code::ERR_FRAME_MALFORMED),
        (&[0x00, 0x80, 0x01, 0x04, 0x01], Code::ERR_FRAME_TOO_LARGE),
        (&[0x00, 0xc0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Code::ERR_FRAME_TOO_LARGE),
        (&[0x01, 0xc0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Code::ERR_ATTACH_ORDER),
        // DATA, its type in more bytes than it needs.
        (&[0x40, 0x06, 0x80, 0x01, 0x04, 0x00], Code::ERR_ATTACH_ORDER),
    ] {
        for cut in [0, 1] {
            let mut large = RawPage::connect(gateway.address).await;
            large.write(&header[..cut]).await;
            tokio::task::yield_now().await;
            large.write(&header[cut..]).await;
            assert_eq!(guard(large.farewell()).await, Some((true, code)));
            // What was refused is read to the end all the same.
            large.write(&[0xff; 1 << 20]).await;
        }
    }
    // The same behind a HELLO that is as it should be.
    let mut behind = RawPage::connect(gateway.address).await;
    let mut both = bytes::BytesMut::new();
    let hello = br#"{"version":1,"n":1,"limits":{"streams":1,"initial":4096,"unreceived":65536}}"#;
    Frame::Hello(bytes::Bytes::from_static(hello)).encode(&mut both);
    both.extend_from_slice(&[0x01, 0xc0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    behind.write(&both).await;
    assert_eq!(guard(behind.farewell()).await, Some((true, Code::ERR_ATTACH_ORDER)));
    behind.write(&[0xff; 1 << 20]).await;
}

#[tokio::test]
async fn a_hello_that_never_comes_is_not_waited_for() {
    let gateway = Gateway::with_hello_timeout(Duration::from_millis(200)).await;
    let mut silent = RawPage::connect(gateway.address).await;
    assert_eq!(guard(silent.farewell()).await, Some((false, Code::ERR_ATTACH_TIMEOUT)));
    let mut half = RawPage::connect(gateway.address).await;
    half.write(&[0x00, 0x40]).await;
    assert_eq!(guard(half.farewell()).await, Some((false, Code::ERR_ATTACH_TIMEOUT)));
}

#[tokio::test]
async fn a_session_begins_byte_by_byte_as_well() {
    let gateway = Gateway::start().await;
    let mut page = RawPage::connect(gateway.address).await;
    let mut bytes = bytes::BytesMut::new();
    let hello = br#"{"version":1,"n":1,"limits":{"streams":1,"initial":4096,"unreceived":65536}}"#;
    Frame::Hello(bytes::Bytes::from_static(hello)).encode(&mut bytes);
    for byte in &bytes {
        page.write(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    guard(page.welcome()).await;
}

#[tokio::test]
async fn a_session_that_is_never_resumed_ends() {
    let timings =
        pageport_link::Timings { confirm: Duration::from_millis(200), ..pageport_link::Timings::default() };
    let gateway = Gateway::with_settings(Settings { timings, ..Settings::new(Role::Gateway) }).await;
    let mut page = RawPage::connect(gateway.address).await;
    page.hello(1, None).await;
    guard(page.welcome()).await;
    assert_eq!(guard(page.farewell()).await, Some((true, Code::ERR_SESSION_LOST)));
    assert_eq!(gateway.newest().await.state(), SessionState::Closed(Code::ERR_SESSION_LOST));
}
