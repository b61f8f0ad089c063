//! Configuration: what is wrong is named with its place, and what is printed reads back.

use std::iter;

use miette::Diagnostic as _;
use pageport_gateway::Config;
use pageport_gateway::config::limits::TABLE;

fn parse(text: &str) -> Result<Config, pageport_gateway::config::ConfigError> {
    Config::parse("pageport.toml", text, iter::empty())
}

/// Message, line and column from 1, and the hint.
#[track_caller]
fn wrong(text: &str) -> (String, usize, usize, String) {
    let error = parse(text).expect_err(text);
    let labels: Vec<_> = error.labels().into_iter().flatten().collect();
    let place = error
        .source_code()
        .and_then(|source| source.read_span(labels[0].inner(), 0, 0).ok())
        .expect("a place");
    let hint = error.help().map(|hint| hint.to_string()).unwrap_or_default();
    (error.to_string(), place.line() + 1, place.column() + 1, hint)
}

#[test]
fn every_mistake_is_named_with_line_and_column() {
    for (text, line, column, message) in [
        ("lisen = []", 1, 1, "unknown key `lisen`"),
        ("base = \"a.b\"\n[limits]\nleese = \"1s\"", 3, 1, "unknown key `leese`"),
        ("[link]\norigin = []", 2, 1, "unknown key `origin`"),
        ("[tls]\ncert = \"x\"", 2, 8, "half of a certificate"),
        ("[tls]\nchain = \"x\"", 2, 1, "unknown key `chain`"),
        ("[wisp]\nmood = \"good\"", 2, 1, "unknown key `mood`"),
        ("[wisp]\nlogin = 1", 2, 9, "invalid type"),
        ("[[wisp.key]]\ntoken = \"nobody\"\nkey = \"x\"", 2, 9, "no such token"),
        ("base =\nadmin = \"127.0.0.1:1\"", 1, 7, ""),
        ("base = 3", 1, 8, "invalid type"),
        ("base = \"a.b\"\nlisten = []", 2, 10, "`listen` is empty"),
        ("listen = [\"127.0.0.1:1\", \"gw.example:443\"]", 1, 26, "not an address"),
        ("admin = \"localhost:1\"", 1, 9, "not an address"),
        ("base = \"GW.example\"", 1, 8, "not a domain"),
        ("base = \"gw.example:443\"", 1, 8, "not a domain"),
        ("base = \"10.0.0.1\"", 1, 8, "not a domain"),
        ("url = \"https://other.example\"", 1, 7, "the host is not `base`"),
        ("url = \"ftp://localhost\"", 1, 7, "not an http or https URL"),
        ("[tcp]\nports = \"0-9\"", 2, 9, "not a range of ports"),
        ("[tcp]\nports = \"20-10\"", 2, 9, "not a range of ports"),
        ("[tcp]\nports = \"7000-70000\"", 2, 9, "not a range of ports"),
        ("[tcp]\nbind = \"0.0.0.0\"", 2, 8, "`tcp` without `ports`"),
        ("[tcp]\nports = \"1-2\"\nbind = \"localhost\"", 3, 8, "not an address"),
        ("[tcp]\nports = \"1-2\"\nhost = \"gw.example:1\"", 3, 8, "not a host"),
        ("[limits]\nlease = 60", 2, 9, "`lease` needs a unit"),
        ("[limits]\nlease = \"1ms\"", 2, 9, "`lease` is 1s to 24h, not 1ms"),
        ("[limits]\nheader_bytes = \"8MB\"", 2, 16, "`header_bytes` is a size"),
        ("[limits]\nheaders = -1", 2, 11, "not negative"),
        ("[limits]\nheaders = 1.5", 2, 11, "invalid type"),
        ("[limits]\nstreams_per_session = 0", 2, 23, "1 to 65536"),
        ("[link]\norigins = [\"https://a.example\",\n\"null\"]", 3, 1, "not an origin"),
        ("[link]\norigins = [\"https://a.example/\"]", 2, 12, "not an origin"),
        ("[link]\norigins = [\"https://a.example:443\"]", 2, 12, "not an origin"),
        ("[link]\norigins = [\"*\"]", 2, 12, "not an origin"),
        ("[link]\norigins = [\"https://A.example\"]", 2, 12, "not an origin"),
        (
            "base = \"gw.example\"\n[link]\norigins = [\"https://x.gw.example\"]",
            3,
            12,
            "belongs to a listener",
        ),
        (
            "base = \"gw.example\"\n[link]\norigins = [\"http://x.localhost:7070\"]",
            3,
            12,
            "belongs to a listener",
        ),
        ("dns = [\"10.0.0.53\", \"dns.example\"]", 1, 21, "not a name server"),
        ("[[allow]]\nto = \"a.example:443\"", 1, 1, "missing key `protocol`"),
        ("[[allow]]\nto = \"a.example\"\nprotocol = \"ws\"", 2, 6, "not a target"),
        ("[[allow]]\nto = \"*example:80\"\nprotocol = \"ws\"", 2, 6, "not a target"),
        ("[[allow]]\nto = \"10.1.2.3/16:80\"\nprotocol = \"tcp\"", 2, 6, "not a target"),
        ("[[allow]]\nto = \"a.example:9-1\"\nprotocol = \"tcp\"", 2, 6, "not a target"),
        ("[[allow]]\nto = \"*:25\"\nprotocol = \"tcp\"", 2, 6, "no wildcard reaches a mail port"),
        ("[[allow]]\nto = \"ws://a.example:80\"\nprotocol = \"ws\"", 2, 6, "not a target"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"gopher\"", 3, 12, "no such protocol"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = [\"tcp\", \"TLS\"]", 3, 20, "no such protocol"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = []", 3, 12, "`protocol` is empty"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = 3", 3, 12, "invalid type"),
        (
            "[[allow]]\nto = \"a.example:80\"\nprotocol = \"tcp\"\nstarttls = true",
            4,
            12,
            "`starttls` without TLS",
        ),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"tcp\"\nkeys = [\"AAAA\"]", 4, 9, "not a public key"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"tcp\"\nconnections = 0", 4, 15, "1 to 1000000"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"tcp\"\nrate = -1", 4, 8, "not negative"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"tcp\"\nidle = 5", 4, 8, "needs a unit"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"tcp\"\nlifetime = \"soon\"", 4, 12, "a duration"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"tcp\"\nbytes_per_second = \"1B\"", 4, 20, "1KiB to"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"tcp\"\nlimit = 1", 4, 1, "unknown key `limit`"),
        ("[[deny]]\nto = \"a.example\"", 2, 6, "not a target"),
        ("[[deny]]\nprotocol = \"tcp\"", 1, 1, "missing key `to`"),
        ("[[deny]]\nto = \"*:*\"\nrate = 1", 3, 1, "unknown key `rate`"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"ws\"\nca = \"x\"", 4, 6, "`ca` without TLS"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"wss\"\nca = \"none.pem\"", 4, 6, "cannot read"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"ws\"\ntokens = [\"b\"]", 4, 11, "no such token"),
        ("[[allow]]\nto = \"a.example:80\"\nprotocol = \"ws\"\norigins = [\"*\"]", 4, 12, "not an origin"),
        ("[[token]]\nname = \"a\"\nmay = []", 1, 1, "missing key `sha256`"),
        ("[[token]]\nname = \"a\"\nsha256 = \"12\"\nmay = []", 3, 10, "not a SHA-256"),
    ] {
        let (found, at_line, at_column, _) = wrong(text);
        assert!(found.contains(message), "{text}: {found}");
        assert_eq!((at_line, at_column), (line, column), "{text}: {found}");
    }
}

#[test]
fn tokens_are_checked_whole() {
    let hash = "0123456789abcdef".repeat(4);
    let token =
        |name: &str, rest: &str| format!("[[token]]\nname = \"{name}\"\nsha256 = \"{hash}\"\n{rest}\n");
    assert!(parse(&token("a", "may = [\"listen\", \"connect\"]\nexpiry = 2030-01-31")).is_ok());
    assert!(parse(&token("a", "may = []\nexpiry = 2030-01-31T12:00:00+02:00")).is_ok());
    assert_eq!(wrong(&token("a b", "may = []")).0, "not a name: \"a b\"");
    assert!(wrong(&token("a", "may = [\"fly\"]")).0.contains("no such permission"));
    assert!(wrong(&token("a", "may = []\nexpiry = 12:00:00")).0.contains("not a moment"));
    assert!(wrong(&token("a", "may = []\nexpiry = 2030-01-31T12:00:00")).0.contains("not a moment"));
    assert!(wrong(&(token("a", "may = []") + &token("b", "may = []"))).0.contains("second token"));
}

#[test]
fn the_example_can_be_used_once_its_secrets_are_filled_in() {
    let example = include_str!("../../../../pageport.example.toml");
    assert!(wrong(example).0.contains("not a SHA-256"), "{}", wrong(example).0);
    let example = example.replace("THE HASH", &"5a".repeat(32));
    assert!(wrong(&example).0.contains("not a public key"), "{}", wrong(&example).0);
    let example = example.replace("THE KEY", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    assert!(wrong(&example).0.contains("/etc/pageport/cert.pem"), "{}", wrong(&example).0);
    let files = "cert = \"/etc/pageport/cert.pem\"\nkey = \"/etc/pageport/key.pem\"";
    let config = parse(&example.replace(files, "dev = true")).expect("the example");
    assert!(config.policy.tls.is_some());
    assert_eq!((config.policy.tokens.0.len(), config.policy.issuers.0.len()), (1, 1));
    assert_eq!(parse(&config.print()).expect("what is printed"), config);
}

#[test]
fn credentials_are_checked_whole() {
    let key = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let hash = "0123456789abcdef".repeat(4);
    let issuer =
        |rest: &str| format!("[[issuer]]\nname = \"a\"\nkey = \"{key}\"\nmay = [\"listen\"]\n{rest}\n");
    assert!(parse(&issuer("lifetime = \"24h\"\nrate = 1\nlisteners = 0\nnames = []")).is_ok());
    for (text, line, message) in [
        (issuer("lifetime = \"25h\""), 5, "1s to 24h"),
        (issuer("lifetime = 60"), 5, "invalid type"),
        (issuer("kinds = [\"gopher\"]"), 5, "no such kind"),
        (issuer("names = [\"*x\"]"), 5, "not a pattern"),
        (issuer("rate = 0"), 5, "1 to 1000000"),
        (issuer("origins = [\"https://x.localhost\"]"), 5, "belongs to a listener"),
        (issuer("expiry = 2030-01-01"), 5, "unknown key `expiry`"),
        (issuer("").replace(key, "AAAA"), 3, "not a public key"),
        (issuer("") + &issuer(""), 7, "a second issuer"),
        (
            format!("[[token]]\nname = \"a\"\nsha256 = \"{hash}\"\nmay = []\n{}", issuer("")),
            6,
            "both called \"a\"",
        ),
        ("data = \"\"".to_owned(), 1, "`data` is empty"),
    ] {
        let (found, at, _, _) = wrong(&text);
        assert!(found.contains(message), "{text}: {found}");
        assert_eq!(at, line, "{text}: {found}");
    }
}

#[test]
fn unknown_keys_come_with_the_known_ones() {
    let (_, _, _, hint) = wrong("lisen = []");
    assert!(hint.contains("`listen`") && hint.contains("`limits`"), "{hint}");
    let (_, _, _, hint) = wrong("[limits]\nlease = \"1ms\"");
    assert!(hint.contains("hidden tabs"), "a limit's hint is its reason: {hint}");
}

#[test]
fn what_is_printed_reads_back_the_same() {
    let hash = "0123456789abcdef".repeat(4);
    let changed: String = TABLE
        .iter()
        .map(|limit| match limit.kind {
            pageport_gateway::config::Kind::Count => {
                format!("{} = {}\n", limit.name, limit.range.start() + 1)
            }
            pageport_gateway::config::Kind::Size => format!("{} = {}\n", limit.name, limit.range.start() + 1),
            pageport_gateway::config::Kind::Time => {
                format!("{} = \"{}ms\"\n", limit.name, limit.range.start() + 1)
            }
        })
        .collect();
    let full = format!(
        "listen = [\"0.0.0.0:1\", \"[::]:2\"]\nadmin = \"10.0.0.1:3\"\nbase = \"gw.example\"\nurl = \"https://gw.example\"\n\
         dns = [\"10.0.0.53\", \"[2001:db8::53]:5353\"]\n[link]\norigins = [\"https://a.example\", \"http://b.example:8080\"]\n\
         [tcp]\nbind = \"::\"\nports = \"20000-20999\"\nhost = \"192.0.2.1\"\n[limits]\n{changed}\
         [[token]]\nname = \"a\"\nsha256 = \"{hash}\"\nmay = [\"connect\"]\nexpiry = 2028-02-29T23:59:59Z\n\
         [[allow]]\nto = \"A.example:443\"\nprotocol = \"wss\"\n\
         [[allow]]\nto = \"[2001:DB8::1]:80\"\nprotocol = \"ws\"\norigins = [\"https://a.example\"]\ntokens = [\"a\"]\n\
         [[allow]]\nto = \"*.Example.com:6660-6669\"\nprotocol = [\"wss\", \"tls\"]\nkeys = [\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"]\n\
         starttls = true\nconnections = 3\nrate = 10\nbytes_per_second = \"64KiB\"\nidle = \"5m\"\nlifetime = \"12h\"\n\
         [[deny]]\nto = \"10.0.0.0/8:*\"\n[[deny]]\nto = \"[fd00::/8]:22\"\nprotocol = \"tcp\"\ntokens = [\"a\"]\n"
    );
    for text in ["", "[tls]\ndev = true\n", full.as_str()] {
        let config = parse(text).expect(text);
        let printed = config.print();
        assert_eq!(parse(&printed).expect(&printed), config, "{printed}");
    }
    let printed = parse("").expect("defaults").print();
    for limit in TABLE {
        assert!(
            printed.contains(&format!("\n{} = ", limit.name)) && printed.contains(limit.reason),
            "{}",
            limit.name
        );
    }
}

#[test]
fn dev_has_ports_and_a_gateway_has_those_it_is_given() {
    let dev = Config::dev(None, None, iter::empty()).expect("defaults").tcp.expect("ports");
    assert_eq!((dev.ports, &*dev.host), (7100..=7199, "localhost"));
    assert!(dev.bind.is_loopback());
    assert_eq!(parse("").expect("defaults").tcp, None);
    let one = parse("base = \"gw.example\"\n[tcp]\nports = \"5000\"").expect("a port").tcp.expect("ports");
    assert_eq!((one.ports, &*one.host), (5000..=5000, "gw.example"));
}

#[test]
fn flags_allow_targets_as_a_file_does() {
    let mut dev = Config::dev(None, None, iter::empty()).expect("defaults");
    assert!(dev.policy.egress.allow.is_empty(), "nothing by itself");
    dev.allow("ws://localhost:9001").expect("a target");
    dev.allow("wss://chat.example/").expect("a target");
    dev.allow("tcp://127.0.0.1:6667").expect("a target");
    dev.allow("tls://mail.example:993").expect("a target");
    dev.allow("udp://[::1]:53").expect("a target");
    let allowed: Vec<_> = dev.policy.egress.allow.iter().map(ToString::to_string).collect();
    assert_eq!(
        allowed,
        [
            "ws://localhost:9001",
            "wss://chat.example:443",
            "tcp://127.0.0.1:6667",
            "tls://mail.example:993",
            "udp://[::1]:53"
        ]
    );
    for wrong in [
        "localhost:9001",
        "ws://localhost:9001/path",
        "tcp://localhost",
        "tcp://localhost:1/",
        "gopher://localhost:1",
        "ws://*:80",
        "*",
    ] {
        let error = dev.allow(wrong).expect_err(wrong);
        assert!(error.to_string().starts_with("--allow: not a target"), "{error}");
    }
}

#[test]
fn the_environment_overrides_the_file() {
    let variables = [
        ("PAGEPORT_LISTEN", "127.0.0.1:1, [::1]:2"),
        ("PAGEPORT_BASE", "gw.example"),
        ("PAGEPORT_DNS", "10.0.0.53, [::1]:5353"),
        ("PAGEPORT_LINK__ORIGINS", "https://a.example,https://b.example"),
        ("PAGEPORT_LIMITS__LEASE", "60s"),
        ("PAGEPORT_TCP__PORTS", "9000-9009"),
        ("PAGEPORT_LIMITS__HEADERS", "50"),
        ("PAGEPORT_DIALECTS__UPGRADE", "true"),
        ("PAGEPORT_SERVICE_HOST", "set by Kubernetes"),
        ("OTHER", "x"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let text = "listen = [\"127.0.0.1:9\"]\n[limits]\nlease = \"5s\"\nheaders = 20\nsessions = 7";
    let from_environment =
        Config::parse("pageport.toml", text, variables.into_iter()).expect("good variables");
    let same = "listen = [\"127.0.0.1:1\", \"[::1]:2\"]\nbase = \"gw.example\"\n\
                dns = [\"10.0.0.53:53\", \"[::1]:5353\"]\n[link]\norigins = [\"https://a.example\", \"https://b.example\"]\n\
                [tcp]\nports = \"9000-9009\"\n[dialects]\nupgrade = true\n[limits]\nlease = \"60s\"\nheaders = 50\nsessions = 7";
    assert_eq!(from_environment, parse(same).expect("good file"));
}

#[test]
fn wrong_variables_are_named() {
    for (name, value, message) in [
        ("PAGEPORT_LIMITS__LEESE", "60s", "PAGEPORT_LIMITS__LEESE: no such key"),
        ("PAGEPORT_LINK__ORIGIN", "x", "PAGEPORT_LINK__ORIGIN: no such key"),
        ("PAGEPORT_DIALECTS__TCP", "yes", "PAGEPORT_DIALECTS__TCP: not a switch: \"yes\""),
        ("PAGEPORT_DIALECTS__SOCKS", "true", "PAGEPORT_DIALECTS__SOCKS: no such dialect"),
        ("PAGEPORT_LIMITS__LEASE", "soon", "PAGEPORT_LIMITS__LEASE: `lease` is a duration"),
        ("PAGEPORT_LISTEN", "nowhere", "PAGEPORT_LISTEN: not an address"),
    ] {
        let variables = iter::once((name.to_owned(), value.to_owned()));
        let error = Config::parse("", "", variables).expect_err(name);
        assert!(error.to_string().starts_with(message), "{error}");
        assert!(error.help().is_some(), "{error}");
    }
}
