//! `pageport token`: a key, a token, and a gateway that takes it.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pageport_link::Connector;
use rustix::process::Signal;
use serde_json::Value;

use crate::program::Place;

const FILE: &str = "listen = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n";

#[test]
fn a_token_that_was_minted_attaches_to_the_gateway_that_knows_its_key() {
    let place = Place::new();
    let made = place.run(&["token", "key", "--out", "app.pem", "--issuer", "shop"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let mode = std::fs::metadata(place.path().join("app.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // What is printed is what the configuration needs.
    place.write("p.toml", &format!("{FILE}{}", made.stdout));
    let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json"]);
    let url = gateway.ready()["url"].as_str().unwrap().to_owned();
    let origin = url.trim_end_matches('/');
    let mint = |more: &[&str]| {
        let arguments =
            ["token", "mint", "--key", "app.pem", "--issuer", "shop", "--subject", "me", "--audience"];
        place.run(&[&arguments[..], more].concat())
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let attaches = |token: &str| {
        let connecting = Connector::new(&url).unwrap().credential(token.to_owned());
        runtime.block_on(connecting.connect()).map(drop).map_err(|error| error.to_string())
    };
    let plain = mint(&[origin]);
    assert_eq!(attaches(plain.stdout.trim()), Ok(()), "{plain:?}");
    let line: Value = serde_json::from_str(&mint(&[origin, "--json", "--names", "app-*"]).stdout).unwrap();
    assert_eq!(attaches(line["token"].as_str().unwrap()), Ok(()));
    assert!(line["expires"].is_u64());
    for beyond in [&[origin, "--lifetime", "2h"][..], &["https://gw.example"], &[origin, "--may", "connect"]]
    {
        let error = attaches(mint(beyond).stdout.trim()).unwrap_err();
        assert!(error.contains("ERR_CREDENTIAL_INVALID"), "{beyond:?}: {error}");
    }
    gateway.signal(Signal::TERM);
    gateway.end();
}

#[test]
fn keys_are_those_of_openssl_and_nobody_else_may_read_them() {
    let place = Place::new();
    let again = |name: &str| place.run(&["token", "key", "--out", name, "--json"]);
    let made: Value = serde_json::from_str(&again("key.pem").stdout).unwrap();
    assert_eq!((&made["issuer"], &made["file"]), (&"app".into(), &"key.pem".into()));
    assert_eq!(again("key.pem").code, Some(1), "a file that exists is not touched");
    let openssl = Command::new("openssl")
        .args(["pkey", "-in", "key.pem", "-pubout", "-outform", "DER"])
        .current_dir(place.path())
        .output()
        .unwrap();
    let public = URL_SAFE_NO_PAD.encode(&openssl.stdout[12..]);
    assert_eq!(made["key"], public.as_str(), "OpenSSL reads the same key");

    let mint = |name: &str, more: &[&str]| {
        let arguments = ["token", "mint", "--key", name, "--subject", "me", "--audience"];
        place.run(&[&arguments[..], more].concat())
    };
    let origin = "https://gw.example";
    assert_eq!(mint("key.pem", &[origin]).code, Some(0));
    for wrong in [&["https://gw.example/"][..], &[origin, "--lifetime", "25h"], &[origin, "--names", "A*"]] {
        let run = mint("key.pem", wrong);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stdout.is_empty() && run.stderr.contains("hint: "), "{run:?}");
    }
    let mut open = std::fs::metadata(place.path().join("key.pem")).unwrap().permissions();
    open.set_mode(0o644);
    std::fs::set_permissions(place.path().join("key.pem"), open).unwrap();
    assert!(mint("key.pem", &[origin]).stderr.contains("others may read it"));
    place.write("text.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    assert_eq!(mint("text.pem", &[origin]).code, Some(1));
}
