//! Datagrams.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pageport_testkit::{Impairment, ImpairmentRelay, Traffic, Transport};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::{delay, guard, quickest};

#[tokio::test]
async fn a_datagram_takes_the_delay_of_both_ways_and_none_without() {
    let relay = ImpairmentRelay::to(echo().await, delay(40), 1).await.unwrap();
    let client = client(&relay).await;
    let with = round_trips(&client).await;
    relay.set(Impairment::default());
    let without = round_trips(&client).await;
    println!("with {with:?}, without {without:?}");
    assert!((80..160).contains(&with.as_millis()), "{with:?}");
    assert!(without < Duration::from_millis(40), "{without:?}");
}

#[tokio::test]
async fn losses_and_jitter_lose_and_reorder_as_many_as_they_say() {
    let (none, in_order) = received(Impairment::default()).await;
    assert_eq!((none.lost, none.overflowed, in_order), (0, 0, 0));
    let bad = Impairment { loss: 0.2, jitter: Duration::from_millis(20), ..Impairment::default() };
    let (some, overtaken) = received(bad).await;
    println!("{some:?}, {overtaken} overtaken");
    assert!((300..=500).contains(&some.lost), "{some:?}");
    assert!(overtaken > 100, "{overtaken}");
}

#[tokio::test]
async fn a_queue_that_is_full_drops_what_comes() {
    let slow = Impairment { rate: Some(1_000_000), ..Impairment::default() };
    let (target, address) = bound().await;
    let relay = ImpairmentRelay::to(address, slow, 1).await.unwrap();
    let client = client(&relay).await;
    for _ in 0..200 {
        client.send(&[7; 1_000]).await.unwrap();
    }
    let (begun, mut came) = (Instant::now(), 0);
    guard(async {
        while came + relay.traffic(Transport::Udp).overflowed < 200 {
            // Looks again after a while: the last ones may have found it full.
            let heard = timeout(Duration::from_millis(50), target.recv(&mut [0; 2_000])).await;
            came += u64::from(heard.is_ok());
        }
    })
    .await;
    let overflowed = relay.traffic(Transport::Udp).overflowed;
    println!("{came} came in {:?}, {overflowed} found the queue full", begun.elapsed());
    assert_eq!(came + overflowed, 200);
    // 200 ms of queue are 25 datagrams of 1,000 bytes; more only as time passes while they are sent.
    assert!((20..=80).contains(&came), "{came}");
}

#[tokio::test]
async fn a_black_hole_for_datagrams_leaves_connections_alone() {
    let relay = ImpairmentRelay::to(echo().await, Impairment::default(), 1).await.unwrap();
    let client = client(&relay).await;
    round_trip(&client).await;
    relay.black_hole(Transport::Udp, true);
    client.send(b"gone").await.unwrap();
    assert!(timeout(Duration::from_millis(300), client.recv(&mut [0; 9])).await.is_err());
    assert_eq!(relay.traffic(Transport::Udp).swallowed, 1);
    relay.black_hole(Transport::Udp, false);
    // What fell in is lost: the next one to come is the next one that is sent.
    round_trip(&client).await;
}

#[tokio::test]
async fn a_nat_that_forgets_gives_a_client_another_port() {
    let (target, address) = bound().await;
    let relay = ImpairmentRelay::to(address, Impairment::default(), 1).await.unwrap();
    let client = client(&relay).await;
    let before = sender(&client, &target).await;
    assert_eq!(sender(&client, &target).await, before);
    relay.rebind();
    // The relay hears of it in its own time; whoever sends to the old port is not heard from then on.
    let after = guard(async {
        loop {
            let now = sender(&client, &target).await;
            if now != before {
                return now;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    target.send_to(b"old", before).await.unwrap();
    target.send_to(b"new", after).await.unwrap();
    let mut heard = [0; 9];
    let len = guard(client.recv(&mut heard)).await.unwrap();
    assert_eq!(&heard[..len], b"new");
    assert_eq!(relay.traffic(Transport::Udp).begun, 2);
}

/// What comes of 2,000 numbered datagrams, and how many of them were overtaken.
async fn received(impairment: Impairment) -> (Traffic, usize) {
    const SENT: u16 = 2_000;
    let (target, address) = bound().await;
    let relay = ImpairmentRelay::to(address, impairment, 11).await.unwrap();
    let client = client(&relay).await;
    let mut came = Vec::new();
    // Looks again after a while: what it waits for may have been lost.
    let take = async |came: &mut Vec<u16>| {
        let mut number = [0; 2];
        if timeout(Duration::from_millis(50), target.recv(&mut number)).await.is_ok() {
            came.push(u16::from_be_bytes(number));
        }
    };
    for number in 0..SENT {
        client.send(&number.to_be_bytes()).await.unwrap();
        // Not faster than they arrive: a socket's buffer is no path.
        while u64::from(number) + 1 > came.len() as u64 + relay.traffic(Transport::Udp).lost + 100 {
            take(&mut came).await;
        }
    }
    guard(async {
        while came.len() as u64 + relay.traffic(Transport::Udp).lost < u64::from(SENT) {
            take(&mut came).await;
        }
    })
    .await;
    let overtaken = came.windows(2).filter(|pair| pair[0] > pair[1]).count();
    let traffic = relay.traffic(Transport::Udp);
    assert_eq!(came.len() as u64 + traffic.lost, u64::from(SENT));
    (traffic, overtaken)
}

/// Where the target sees a datagram of the client come from.
async fn sender(client: &UdpSocket, target: &UdpSocket) -> SocketAddr {
    client.send(b"?").await.unwrap();
    guard(target.recv_from(&mut [0; 9])).await.unwrap().1
}

async fn round_trips(client: &UdpSocket) -> Duration {
    let mut times = Vec::new();
    for _ in 0..9 {
        times.push(round_trip(client).await);
    }
    quickest(times)
}

async fn round_trip(client: &UdpSocket) -> Duration {
    let begun = Instant::now();
    client.send(b"x").await.unwrap();
    let mut back = [0; 9];
    let len = guard(client.recv(&mut back)).await.unwrap();
    assert_eq!(&back[..len], b"x");
    begun.elapsed()
}

async fn client(relay: &ImpairmentRelay) -> UdpSocket {
    let (socket, _) = bound().await;
    socket.connect(relay.address()).await.unwrap();
    socket
}

async fn bound() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

async fn echo() -> SocketAddr {
    let (socket, address) = bound().await;
    tokio::spawn(async move {
        let mut datagram = [0; 2_000];
        while let Ok((len, from)) = socket.recv_from(&mut datagram).await {
            let _ = socket.send_to(&datagram[..len], from).await;
        }
    });
    address
}
