//! The admin listener: metrics and health, and nobody that a foreign page could send.

use crate::client::Client;
use crate::door;

async fn get(door: &door::Door, path: &str, host: &str) -> crate::client::Answer {
    Client::connect(door.admin).await.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await
}

#[tokio::test]
async fn health_and_metrics_are_there() {
    let door = door::open("");
    door.get("/nothing").await.refuses(404, "ERR_NOT_FOUND");
    assert_eq!(get(&door, "/healthz", "127.0.0.1:7071").await.body, "ok\n");
    assert_eq!(get(&door, "/readyz", "localhost").await.body, "ready\n");
    let metrics = get(&door, "/metrics", "[::1]").await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "pageport_refusals_total{code=\"ERR_NOT_FOUND\"} 1",
        "pageport_connections_total 1",
        "pageport_sessions{state=\"attached\"} 0",
        "# TYPE pageport_visitors gauge",
        "# HELP pageport_memory_bytes",
    ] {
        assert!(metrics.body.contains(line), "{line}\n{}", metrics.body);
    }
}

#[tokio::test]
async fn hosts_that_somebody_else_may_own_are_misdirected() {
    let door = door::open("");
    for host in ["evil.test", "localhost.evil.test", "x.localhost"] {
        for path in ["/metrics", "/healthz", "/readyz", "/"] {
            get(&door, path, host).await.refuses(421, "ERR_HOST_UNKNOWN");
        }
    }
    get(&door, "/metrics", "a b").await.refuses(400, "ERR_HOST_INVALID");
    get(&door, "/nothing", "localhost").await.refuses(404, "ERR_NOT_FOUND");
}

#[tokio::test]
async fn names_and_paths_that_clients_choose_never_become_labels() {
    let door = door::open("");
    let before = get(&door, "/metrics", "localhost").await.body.lines().count();
    for n in 0..20 {
        let host = format!("random-{n}.localhost");
        door.ask(&format!("GET /path-{n} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await
            .refuses(404, "ERR_LISTENER_UNKNOWN");
    }
    let after = get(&door, "/metrics", "localhost").await.body;
    assert!(!after.contains("random-") && !after.contains("path-"), "{after}");
    assert!(after.lines().count() <= before + 4, "{after}");
}
