//! The relay that cuts at a byte.

use pageport_testkit::{Cut, CutRelay, Direction};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::guard;

#[tokio::test]
async fn a_cut_falls_on_its_byte_and_ends_every_connection() {
    let target = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let relay = CutRelay::to(target.local_addr().unwrap()).await.unwrap();
    let mut cut = TcpStream::connect(relay.address()).await.unwrap();
    let (mut behind, _) = target.accept().await.unwrap();
    let mut beside = TcpStream::connect(relay.address()).await.unwrap();
    let _beside = target.accept().await.unwrap();
    relay.cut_after(Direction::Up, 7, Cut::Fin);
    cut.write_all(b"seven bytes, and more").await.unwrap();
    let mut came = Vec::new();
    guard(behind.read_to_end(&mut came)).await.unwrap();
    assert_eq!(came, b"seven b");
    assert_eq!(guard(beside.read(&mut [0])).await.unwrap_or(0), 0);
    assert_eq!(relay.counts().cuts, 1);
}

#[tokio::test]
async fn a_cut_comes_even_if_its_byte_can_reach_nobody_any_more() {
    let target = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let relay = CutRelay::to(target.local_addr().unwrap()).await.unwrap();
    let client = TcpStream::connect(relay.address()).await.unwrap();
    let (mut behind, _) = target.accept().await.unwrap();
    relay.cut_after(Direction::Down, 3, Cut::Reset);
    client.set_zero_linger().unwrap();
    drop(client);
    guard(behind.read(&mut [0])).await.unwrap();
    behind.write_all(b"nobody reads this").await.unwrap();
    assert_eq!(guard(relay.cut_since(0)).await, 1);
}
