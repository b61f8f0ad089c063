//! Loads by a WebSocket gateway, and relays that must be noticed.

use crate::{Tunnel, program};

#[test]
fn the_yardstick_carries_every_load() {
    let tunnel = behind_gateway();
    for way in ["down", "up"] {
        assert_eq!(tunnel.load(&["bulk", way, "3000001"])["bytes"], 3_000_001);
    }
    let trips = tunnel.load(&["trips", "4", "0.1"]);
    assert!(trips["trips"].as_u64() >= Some(4), "{trips}");
    assert!(trips["busy"].as_f64() > Some(0.0), "{trips}");
    assert_eq!(tunnel.load(&["exactly", "3", "20"])["done"], 20);
    assert_eq!(tunnel.load(&["verify", "3000001"])["bytes"], 3_000_001);
}

#[test]
fn a_relay_that_changes_one_bit_is_noticed_and_one_that_hoards_changes_none() {
    for (flaw, is_right) in [("hoard", true), ("spoil", false)] {
        let mut tunnel = Tunnel { target: String::new(), processes: Vec::new() };
        tunnel.add(&["service", "0"]);
        let service = tunnel.target.clone();
        tunnel.add(&["relay", flaw, "0", &service]);
        let output = program().args(["load", "verify", "300000", &tunnel.target]).output().unwrap();
        assert_eq!(output.status.success(), is_right, "{flaw}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_handshake_that_is_refused_is_no_connection() {
    let mut tunnel = Tunnel { target: String::new(), processes: Vec::new() };
    tunnel.add(&["service", "0"]);
    for scheme in ["ws", "upgrade"] {
        let target = format!("{scheme}://{}/tcp/127.0.0.1/1", tunnel.target);
        for load in [&["verify", "1"][..], &["exactly", "1", "1"], &["bulk", "up", "1"]] {
            assert!(!program().arg("load").args(load).arg(&target).output().unwrap().status.success());
        }
    }
}

/// A client's way to the service through the yardstick.
fn behind_gateway() -> Tunnel {
    let mut tunnel = Tunnel { target: String::new(), processes: Vec::new() };
    tunnel.add(&["service", "0"]);
    let service = tunnel.target.replace(':', "/");
    tunnel.add(&["gateway", "0"]);
    tunnel.target = format!("ws://{}/tcp/{service}", tunnel.target);
    tunnel
}
