//! `pageport connect --socks`: what is said wrongly, slowly, or by too many.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use crate::connect_servers::Dev;
use crate::expose::answering;
use crate::socks::Socks;

#[test]
fn whatever_is_said_wrongly_costs_only_its_own_connection() {
    let server = answering();
    let mut socks = Socks::allowing(&[format!("tcp://{server}")]);
    let to = [1, 127, 0, 0, 1, 0, 9];
    for (said, heard, error) in [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), vec![], "not SOCKS 5"),
        (vec![4, 1, 0, 80, 127, 0, 0, 1, 0], vec![], "not SOCKS 5"),
        (vec![5, 0], vec![5, 0xff], "offers no authentication"),
        (vec![5, 2, 1, 2], vec![5, 0xff], "offers no authentication"),
        (vec![5, 1, 0, 4, 1, 0, 80, 127], vec![5, 0], "not SOCKS 5"),
        ([&[5, 1, 0, 5, 2, 0][..], &to].concat(), vec![5, 0, 5, 7], "only CONNECT"),
        ([&[5, 1, 0, 5, 3, 0][..], &to].concat(), vec![5, 0, 5, 7], "only CONNECT"),
        (vec![5, 1, 0, 5, 1, 0, 9, 1, 2, 3], vec![5, 0, 5, 8], "type of address"),
        (vec![5, 1, 0, 5, 1, 0, 3, 0, 0, 80], vec![5, 0, 5, 1], "not a host"),
        (vec![5, 1, 0, 5, 1, 0, 3, 5, b'1', b'2', b'7', b'.', b'1', 0, 80], vec![5, 0, 5, 1], "not a host"),
        (vec![5, 1, 0, 5], vec![5, 0], "has gone"),
    ] {
        let mut client = socks.client();
        client.write_all(&said).unwrap();
        let mut answer = Vec::new();
        // What is no SOCKS is not read to its end, so its connection may be reset.
        let _ = client.shutdown(std::net::Shutdown::Write);
        let _ = client.read_to_end(&mut answer);
        answer.truncate(4);
        assert_eq!(answer, heard, "{said:?}");
        let event = socks.event();
        assert!(
            event["event"] == "bad" && event["error"].as_str().unwrap().contains(error),
            "{said:?} {event}"
        );
    }
    assert_eq!(socks.connect(server).0, 0, "others are served");
}

#[test]
fn who_is_slow_to_ask_holds_a_place_for_the_time_of_the_limit_only() {
    let server = answering();
    let flags = ["--socks-connections", "1", "--socks-handshake", "300ms"];
    let mut socks = Socks::with(&[format!("tcp://{server}")], &flags, &[]);
    let mut slow = socks.client();
    slow.write_all(&[5, 1, 0]).unwrap();
    slow.read_exact(&mut [0; 2]).unwrap();
    let mut other = socks.client();
    assert_eq!(other.read(&mut [0]).unwrap(), 0, "one more is closed at once");
    assert_eq!(socks.event()["event"], "full");
    assert_eq!(slow.read(&mut [0]).unwrap(), 0);
    assert!(socks.event()["error"].as_str().unwrap().contains("in time"));
    // The place is free a moment after the connection that had it has ended.
    let (reply, held) = loop {
        let mut client = socks.client();
        let asked = [&[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1][..], &server.port().to_be_bytes()].concat();
        let mut answer = [0; 12];
        if client.write_all(&asked).and_then(|()| client.read_exact(&mut answer)).is_ok() {
            break (answer[3], client);
        }
    };
    assert_eq!(reply, 0);
    // A connection that was made in time is under no such limit.
    held.set_read_timeout(Some(Duration::from_millis(600))).unwrap();
    assert_eq!(held.peek(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn other_machines_get_in_with_a_password_only() {
    let dev = Dev::allowing(&[]);
    let serve = |address: &str, flags: &[&str]| {
        dev.place.command(&[&["connect", "--socks", address, "--gateway", &dev.url], flags].concat())
    };
    for address in ["0.0.0.0:0", "[::]:0"] {
        let run = crate::program::run(&mut serve(address, &[]));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{run:?}");
        assert!(
            run.stderr.contains("is not loopback") && run.stderr.contains("hint: set PAGEPORT_SOCKS_AUTH"),
            "{run:?}"
        );
    }
    let mut open = crate::program::Running::of(&mut serve("0.0.0.0:0", &["--socks-auth", "me:secret"]));
    assert!(open.line().starts_with("socks5h://0.0.0.0:"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let run = crate::program::run(&mut serve(&address, &[]));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("cannot listen on") && run.stderr.contains("--socks"), "{run:?}");
}

#[test]
fn without_a_gateway_there_is_no_server() {
    let place = crate::program::Place::new();
    let (_kept, nobody) = crate::connect_servers::nobody();
    let run = place.run(&["connect", "--socks", "0", "--gateway", &format!("http://{nobody}")]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:?}");
    assert!(
        run.stderr.contains("(ERR_GATEWAY_UNREACHABLE)") && run.stderr.contains("hint: is it running"),
        "{run:?}"
    );
}
