//! The forward proxy and its habits.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pageport_testkit::{Habits, HttpProxy, Served};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::guard;

const PART: usize = 40_000;

#[tokio::test]
async fn a_request_is_passed_on_as_its_target_wants_to_see_it() {
    let proxy = HttpProxy::start(Habits::default()).await.unwrap();
    let target = server().await;
    let request = format!(
        "POST http://{target}/x?y HTTP/1.1\r\nhost: {target}\r\nupgrade: z\r\ncontent-length: 2\r\n\r\nhi"
    );
    let answer = ask(&proxy, &request).await;
    assert!(answer.contains("POST /x?y HTTP/1.1\r\n") && answer.contains("connection: close"), "{answer}");
    assert!(!answer.contains("upgrade") && answer.contains("\r\n\r\nhi"), "{answer}");
    let served = first_served(&proxy).await;
    assert_eq!((served.method.as_str(), served.status, served.up), ("POST", 200, 2));
    assert!(served.down > 2 * PART as u64, "{served:?}");
}

#[tokio::test]
async fn habits_refuse_what_they_are_about() {
    let target = server().await;
    let [connect, get] =
        [format!("CONNECT {target} HTTP/1.1\r\n\r\n"), format!("GET http://{target}/ HTTP/1.1\r\n\r\n")];
    let no_tunnels = HttpProxy::start(Habits { refuses_tunnels: true, ..Habits::default() }).await.unwrap();
    let only_tunnels = HttpProxy::start(Habits { only_tunnels: true, ..Habits::default() }).await.unwrap();
    for (proxy, request, want) in [
        (&no_tunnels, &connect, "403"),
        (&no_tunnels, &get, "200"),
        (&only_tunnels, &connect, "200"),
        (&only_tunnels, &get, "403"),
    ] {
        let answer = begin(proxy, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {want}")), "{request}: {answer}");
    }
}

#[tokio::test]
async fn what_is_held_back_comes_when_there_is_enough_of_it() {
    for (holds_back, early) in [(0, true), (64 * 1024, false)] {
        let proxy = HttpProxy::start(Habits { holds_back, ..Habits::default() }).await.unwrap();
        let target = server().await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        // The server sends the first part at once, and the second after the request's body has come.
        stream
            .write_all(format!("POST http://{target}/ HTTP/1.1\r\ncontent-length: 2\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut first = [0; 1_000];
        let first = stream.read(&mut first);
        if early {
            guard(first).await.unwrap();
        } else {
            timeout(Duration::from_millis(500), first).await.expect_err("it was held back");
        }
        stream.write_all(b"hi").await.unwrap();
        let mut rest = Vec::new();
        guard(stream.read_to_end(&mut rest)).await.unwrap();
        assert!(rest.len() > 2 * PART - 1_000, "{}", rest.len());
    }
}

#[tokio::test]
async fn a_quiet_tunnel_is_cut_and_one_that_speaks_is_not() {
    let idle = Duration::from_millis(600);
    let proxy = HttpProxy::start(Habits { cuts_idle: Some(idle), ..Habits::default() }).await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let request = format!("CONNECT {} HTTP/1.1\r\n\r\n", listener.local_addr().unwrap());
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut target = listener.accept().await.unwrap().0;
    let mut answer = [0; 39];
    guard(stream.read_exact(&mut answer)).await.unwrap();
    let begun = Instant::now();
    while begun.elapsed() < idle * 2 {
        target.write_all(b"x").await.unwrap();
        guard(stream.read_exact(&mut [0])).await.unwrap();
        let _ = timeout(idle / 6, stream.readable()).await;
    }
    let quiet = Instant::now();
    guard(stream.read(&mut [0])).await.unwrap_err();
    assert!(quiet.elapsed() >= idle / 2, "{:?}", quiet.elapsed());
    assert!(first_served(&proxy).await.cut);
}

/// Its end is known to the proxy a little later than to its client.
async fn first_served(proxy: &HttpProxy) -> Served {
    guard(async {
        while proxy.served().is_empty() {
            tokio::task::yield_now().await;
        }
        proxy.served().remove(0)
    })
    .await
}

/// The whole answer, until the connection ends.
async fn ask(proxy: &HttpProxy, request: &str) -> String {
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    guard(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// The beginning of the answer.
async fn begin(proxy: &HttpProxy, request: &str) -> String {
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    guard(stream.read_exact(&mut answer)).await.unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

/// Answers each request with [`PART`] bytes as soon as it has its head, then with the request itself once it is complete, and [`PART`] more.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = String::new();
                let mut chunk = [0; 1_000];
                while !request.contains("\r\n\r\n") {
                    let len = stream.read(&mut chunk).await.unwrap();
                    request.push_str(std::str::from_utf8(&chunk[..len]).unwrap());
                }
                let padding = vec![b'.'; PART];
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await.unwrap();
                stream.write_all(&padding).await.unwrap();
                while request.contains("content-length") && !request.ends_with("hi") {
                    let len = stream.read(&mut chunk).await.unwrap();
                    request.push_str(std::str::from_utf8(&chunk[..len]).unwrap());
                }
                stream.write_all(request.as_bytes()).await.unwrap();
                stream.write_all(&padding).await.unwrap();
            });
        }
    });
    address
}
