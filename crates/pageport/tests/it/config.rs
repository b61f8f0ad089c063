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
