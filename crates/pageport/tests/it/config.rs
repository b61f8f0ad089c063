//! `pageport config`.

use crate::program::{Place, run};

#[test]
fn check_says_where_a_file_is_wrong() {
    let place = Place::new();
    place.write("good.toml", "base = \"gw.example\"\n[limits]\nlease = \"60s\"\n");
    let good = place.run(&["config", "check", "--config", "good.toml"]);
    assert_eq!((good.code, good.stdout.as_str(), good.stderr.as_str()), (Some(0), "good.toml: fine\n", ""));
    place.write("bad.toml", "base = \"gw.example\"\n[limits]\n  leese = \"60s\"\n");
    let bad = place.run(&["config", "check", "--config", "bad.toml"]);
    assert_eq!((bad.code, bad.stdout.as_str()), (Some(78), ""));
    let head = "error: unknown key `leese` (ERR_CONFIG_INVALID)\n --> bad.toml:3:3\n  |\n3 |   leese = \"60s\"\n  |   ^^^^^\nhint: ";
    assert!(bad.stderr.starts_with(head), "{}", bad.stderr);
    for command in ["print", "check"] {
        let missing = place.run(&["config", command, "--config", "none.toml"]);
        assert_eq!(missing.code, Some(78));
        assert!(missing.stderr.contains("cannot read none.toml"), "{missing:?}");
    }
    assert_eq!(place.run(&["gateway", "--config", "bad.toml"]).code, Some(78));
}

const RULES: &str = "\
[link]
origins = [\"https://app.example\"]
[[allow]]
to = \"*:443\"
protocol = [\"tls\", \"wss\"]
[[allow]]
to = \"10.1.0.0/16:6660-6669\"
protocol = \"tcp\"
origins = [\"https://app.example\"]
connections = 3
[[deny]]
to = \"10.1.0.9:*\"
";

#[test]
fn check_says_what_rules_mean_and_explain_which_one_decides() {
    let place = Place::new();
    place.write("p.toml", RULES);
    let checked = place.run(&["config", "check", "--config", "p.toml"]);
    let words = "p.toml: fine\n  [[deny]] 1: tcp,tls,udp,ws,wss://10.1.0.9:*, for everybody\n  [[allow]] 1: tls,wss://*:443, for everybody\n  \
                 [[allow]] 2: tcp://10.1.0.0/16:6660-6669, for origins https://app.example; connections 3\n";
    assert_eq!(checked.stdout, words);
    let origin = ["--origin", "https://app.example"];
    let explain = |who: &[&str], to: &str| {
        place.run(&[&["config", "explain", "--config", "p.toml"], who, &["--to", to]].concat())
    };
    let allowed = explain(&origin, "tcp://10.1.2.3:6667");
    assert_eq!(allowed.code, Some(0), "{allowed:?}");
    let first = "tcp://10.1.2.3:6667 for pages of https://app.example: allowed\n  [[allow]] 2\n  tcp://10.1.0.0/16:6660-6669, for origins";
    assert!(
        allowed.stdout.starts_with(first) && allowed.stdout.ends_with("\n  at 10.1.2.3:6667\n"),
        "{}",
        allowed.stdout
    );
    for (who, to, says) in [
        (&origin[..], "tcp://10.1.0.9:6667", "forbidden (ERR_TARGET_FORBIDDEN)\n  [[deny]] 1\n"),
        (
            &origin[..],
            "tls://10.1.2.3:443",
            "[[allow]] 1\n  tls,wss://*:443 names it, but does not mean its address 10.1.2.3 (private)",
        ),
        (&origin[..], "tls://localhost:443", "(loopback)"),
        (&origin[..], "tcp://10.1.2.3:22", "no [[allow]] names it"),
        (&["--origin", "https://other.example"][..], "tcp://10.1.2.3:6667", "it is not in `link.origins`"),
        (&["--token", "nobody"][..], "tcp://10.1.2.3:6667", "there is no token"),
        (&[][..], "tcp://10.1.2.3:6667", "nobody may attach"),
    ] {
        let explained = explain(who, to);
        assert_eq!((explained.code, explained.stderr.as_str()), (Some(1), ""), "{to}");
        assert!(explained.stdout.contains(says), "{to}: {}", explained.stdout);
    }
    let json = place.run(&[
        "config",
        "explain",
        "--config",
        "p.toml",
        "--origin",
        origin[1],
        "--to",
        "tcp://10.1.0.9:6667",
        "--json",
    ]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["allowed"], &json["rule"]), (&false.into(), &"[[deny]] 1".into()));
    assert_eq!(explain(&origin, "10.1.2.3:22").code, Some(2));
}

#[test]
fn nothing_that_is_said_steers_the_terminal() {
    let run = Place::new().run(&["config", "check", "--config", "\u{1b}[2J\u{9b}.toml"]);
    assert_eq!(run.code, Some(78));
    assert!(run.stderr.contains("cannot read \\u{1b}[2J\\u{9b}.toml"), "{:?}", run.stderr);
    assert!(!run.stderr.contains(|char: char| char.is_control() && char != '\n'), "{:?}", run.stderr);
}

#[test]
fn what_print_prints_is_the_effective_configuration_and_passes_check() {
    let place = Place::new();
    place.write("a.toml", "[limits]\nlease = \"60s\"\n");
    let printed =
        run(place.command(&["config", "print", "--config", "a.toml"]).env("PAGEPORT_LIMITS__DRAIN", "7s"));
    assert_eq!(printed.code, Some(0));
    assert!(
        printed.stdout.contains("\nlease = \"1m\"\n") && printed.stdout.contains("\ndrain = \"7s\"\n"),
        "{printed:?}"
    );
    place.write("b.toml", &printed.stdout);
    let again = place.run(&["config", "print", "--config", "b.toml"]);
    assert_eq!(again.stdout, printed.stdout);
}

#[test]
fn a_wrong_variable_is_named() {
    let place = Place::new();
    let wrong = run(place.command(&["config", "check"]).env("PAGEPORT_LIMITS__LEASE", "soon"));
    assert_eq!(wrong.code, Some(78));
    assert!(wrong.stderr.starts_with("error: PAGEPORT_LIMITS__LEASE: `lease` is a duration"), "{wrong:?}");
}
