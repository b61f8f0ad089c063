//! `pageport dev`.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use pageport_link::Connector;
use rustix::process::Signal;

use crate::connect_servers::{Dev, greeting};
use crate::program::{Place, get};

#[test]
fn one_line_of_json_says_where_it_is() {
    let place = Place::new();
    let mut dev = place.start(&["dev", "--listen", "0", "--json"]);
    let line = dev.line();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let keys = ["event", "url", "admin", "link"].map(|key| line.find(&format!("\"{key}\":")).unwrap());
    assert!(keys.is_sorted() && ready.as_object().unwrap().len() == 4, "{line}");
    assert_eq!(ready["event"], "ready");
    let url = ready["url"].as_str().unwrap();
    assert!(url.starts_with("http://localhost:") && url.ends_with('/'), "{url}");
    assert_eq!(ready["link"], format!("{}link", url.replace("http", "ws")));
    assert!(get(&format!("{url}pageport.js"), "").starts_with("HTTP/1.1 200"));
    assert!(get(&format!("{}healthz", ready["admin"].as_str().unwrap()), "").ends_with("ok\n"));
    dev.signal(Signal::TERM);
    let end = dev.end();
    assert_eq!((end.code, end.stdout.as_str()), (Some(0), ""), "{end:?}");
}

#[test]
fn people_are_told_what_is_open_and_what_is_not() {
    let place = Place::new();
    let mut dev = place.start(&["dev", "--listen", "127.0.0.1:0"]);
    let lines: Vec<_> =
        std::iter::repeat_with(|| dev.line()).take_while(|line| !line.starts_with("Ctrl-C")).collect();
    let text = lines.join("\n");
    let port = text.split("http://localhost:").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    for part in [
        format!("ready: http://localhost:{port}/"),
        format!("http://{{name}}.localhost:{port}/"),
        format!("ws://localhost:{port}/@{{name}}/"),
        format!("127.0.0.1:{port}, [::1]:{port}"),
        "Open:     this machine only".to_owned(),
        "Not open: other machines".to_owned(),
        format!("{}/pageport/dev-{port}.token", place.path().display()),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    dev.signal(Signal::INT);
    assert_eq!(dev.end().code, Some(0));
}

#[test]
fn what_is_allowed_is_said_and_nothing_else_is() {
    let place = Place::new();
    let said = |flags: &[&str]| {
        let mut dev = place.start(&[&["dev", "--listen", "0"], flags].concat());
        let lines: Vec<_> =
            std::iter::repeat_with(|| dev.line()).take_while(|line| !line.starts_with("Ctrl-C")).collect();
        dev.signal(Signal::INT);
        assert_eq!(dev.end().code, Some(0));
        lines.join("\n")
    };
    let text = said(&["--allow", "ws://localhost:9001", "--allow", "wss://chat.example"]);
    assert!(text.contains("may be connected to ws://localhost:9001, wss://chat.example."), "{text}");
    assert!(text.contains("any other server."), "{text}");
    let text = said(&[]);
    assert!(!text.contains("Connect:") && text.contains("any server: `--allow tcp://HOST:PORT`"), "{text}");
    let wrong = place.run(&["dev", "--allow", "localhost:9001"]);
    assert_eq!(wrong.code, Some(78));
    assert!(
        wrong.stderr.contains("--allow: not a target") && wrong.stderr.contains("hint: "),
        "{}",
        wrong.stderr
    );
}

#[test]
fn each_protocol_is_allowed_by_itself() {
    // A gateway is a WebSocket server, too: one that wants to know who comes.
    let (server, other) = (greeting(), Dev::allowing(&[]));
    let targets = ["tcp", "tls", "udp"].map(|protocol| format!("{protocol}://{server}"));
    let sockets = ["ws", "wss"].map(|protocol| format!("{protocol}://localhost:{}", other.port()));
    let all = [&targets[..], &sockets].concat();
    let happens = |allowed: &str, asked: &str| {
        let place = Place::new();
        let mut dev = place.start(&["dev", "--listen", "0", "--json", "--allow", allowed]);
        let ready = dev.ready();
        assert_eq!(ready["allow"], serde_json::json!([allowed]));
        let url = ready["url"].as_str().unwrap();
        let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
        let token = std::fs::read_to_string(place.path().join(format!("pageport/dev-{port}.token"))).unwrap();
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let session = Connector::new(url).unwrap().credential(token).connect().await.unwrap();
            let mut stream = session.open(&serde_json::json!({ "connect": asked })).unwrap();
            let reply: serde_json::Value = serde_json::from_slice(&stream.reply().await.unwrap()).unwrap();
            reply["error"].as_str().unwrap_or("connected").to_owned()
        })
    };
    let tried = ["connected", "ERR_TARGET_TLS", "connected", "ERR_TARGET_REFUSED", "ERR_TARGET_TLS"];
    for (target, tried) in all.iter().zip(tried) {
        assert_eq!(happens(target, target), tried, "{target}");
        let (protocol, rest) = target.split_once("://").unwrap();
        let another = if protocol == "tcp" { "udp" } else { "tcp" };
        let asked = format!("{another}://{rest}");
        assert_eq!(happens(target, &asked), "ERR_TARGET_FORBIDDEN", "{asked} with {target}");
    }
}

#[test]
fn the_token_is_its_users_alone_works_and_is_gone_afterwards() {
    let place = Place::new();
    let mut dev = place.start(&["dev", "--listen", "0", "--json", "-vv"]);
    let url = dev.ready()["url"].as_str().unwrap().to_owned();
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
    let directory = place.path().join("pageport");
    let file = directory.join(format!("dev-{port}.token"));
    let token = std::fs::read_to_string(&file).unwrap();
    assert_eq!(token.len(), 64, "256 bits");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&directory)), (0o600, 0o700));
    let attach = |token: &str| {
        let fields =
            format!("Upgrade: pageport.v1\r\nConnection: upgrade\r\nAuthorization: Bearer {token}\r\n");
        // The last Connection field closes; both count.
        get(&format!("{url}link"), &fields)
    };
    let wrong = token.replace(|char: char| char != 'a', "a");
    assert!(attach(&wrong).contains("ERR_CREDENTIAL_INVALID"), "control: another token is refused");
    assert!(attach(&token).starts_with("HTTP/1.1 101"), "this one is not");
    dev.signal(Signal::TERM);
    let end = dev.end();
    assert!(!file.exists());
    assert!(
        !end.stderr.contains(&token) && end.stderr.contains("refused"),
        "logs have no secrets: {}",
        end.stderr
    );
}

#[test]
fn a_directory_that_others_can_enter_gets_no_token() {
    let place = Place::new();
    let directory = place.path().join("pageport");
    std::fs::create_dir(&directory).unwrap();
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = place.run(&["dev", "--listen", "0"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:?}");
    assert!(run.stderr.contains("cannot write the token") && run.stderr.contains("hint:"), "{run:?}");
}

#[test]
fn a_taken_port_is_named_with_a_way_out() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for listen in [port.clone(), format!("127.0.0.1:{port}"), format!(":{port}")] {
        let run = place.run(&["dev", "--listen", &listen]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:?}");
        assert!(run.stderr.starts_with(&format!("error: cannot listen on 127.0.0.1:{port}")), "{run:?}");
        assert!(run.stderr.contains("(ERR_ADDRESS_IN_USE)"), "{run:?}");
        assert!(run.stderr.contains("\nhint: choose another with --listen"), "{run:?}");
    }
    let run = place.run(&["dev", "--listen", "0", "--admin", &port]);
    assert!(run.stderr.contains("\nhint: choose another with --admin"), "{run:?}");
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let place = Place::new();
    for arguments in [&["frob"][..], &["dev", "--frob"], &[], &["config"]] {
        let run = place.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?} {run:?}");
        assert!(run.stderr.contains("Usage:"), "{run:?}");
    }
    let wrong = place.run(&["dev", "--listen", "nowhere"]);
    assert_eq!(wrong.code, Some(78));
    assert!(wrong.stderr.contains("--listen: not an address") && wrong.stderr.contains("hint:"), "{wrong:?}");
    let help = place.run(&["dev", "--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    assert!(place.run(&["--version"]).stdout.starts_with("pageport "));
}

#[test]
fn other_machines_get_in_only_by_an_address_that_is_theirs_to_reach() {
    let place = Place::new();
    for (flags, hint) in [
        (["--listen", "0", "--lan=127.0.0.1"], "name this machine's own"),
        (["--listen", "0", "--lan=0.0.0.0"], "name this machine's own"),
        (["--listen", "0.0.0.0:0", "--lan=127.0.0.1"], "give --listen a port alone"),
    ] {
        let end = place.start(&[&["dev"], flags.as_slice()].concat()).end();
        assert_eq!(end.code, Some(1), "{end:?}");
        assert!(end.stderr.contains("ERR_ADDRESS_INVALID") && end.stderr.contains(hint), "{end:?}");
    }
    let end = place.start(&["dev", "--lan=nonsense"]).end();
    assert_eq!(end.code, Some(2), "{end:?}");
}
