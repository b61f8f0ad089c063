//! Connections.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pageport_testkit::{Cut, Direction, Impairment, ImpairmentRelay, Pattern, Tally, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::{delay, guard, quickest};

#[tokio::test]
async fn a_round_trip_takes_the_delay_of_both_ways_and_none_without() {
    let relay = ImpairmentRelay::to(echo().await, delay(40), 1).await.unwrap();
    let begun = Instant::now();
    let mut stream = TcpStream::connect(relay.address()).await.unwrap();
    round_trip(&mut stream).await;
    let first = begun.elapsed();
    let with = round_trips(&mut stream).await;
    relay.set(Impairment::default());
    let without = round_trips(&mut stream).await;
    println!("first {first:?}, with {with:?}, without {without:?}");
    assert!(
        first >= Duration::from_millis(160),
        "{first:?}: a connection begins with a round trip of its own"
    );
    assert!((80..160).contains(&with.as_millis()), "{with:?}");
    assert!(without < Duration::from_millis(40), "{without:?}");
}

#[tokio::test]
async fn bytes_come_at_the_rate_and_a_sender_feels_it() {
    let (listener, target) = listener().await;
    let rate = Impairment { rate: Some(4_000_000), ..Impairment::default() };
    let relay = ImpairmentRelay::to(target, rate, 1).await.unwrap();
    let mut times = Vec::new();
    for _ in 0..3 {
        let mut client = TcpStream::connect(relay.address()).await.unwrap();
        let sending = tokio::spawn(async move {
            client.write_all(&vec![7; 500_000]).await.unwrap();
            client.shutdown().await.unwrap();
        });
        let mut stream = listener.accept().await.unwrap().0;
        let begun = Instant::now();
        let mut came = Vec::new();
        guard(stream.read_to_end(&mut came)).await.unwrap();
        times.push(begun.elapsed());
        sending.await.unwrap();
        assert_eq!(came.len(), 500_000);
    }
    println!("500 kB at 4 Mbit/s: {times:?}");
    let took = quickest(times);
    assert!((Duration::from_millis(950)..Duration::from_millis(1_800)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_slow_path_hides_few_bytes_from_whoever_sends() {
    let (listener, target) = listener().await;
    let slow = Impairment { rate: Some(256_000), ..Impairment::default() };
    let relay = ImpairmentRelay::to(target, slow, 1).await.unwrap();
    let client = TcpStream::connect(relay.address()).await.unwrap();
    let buffer = 16 * 1024;
    socket2::SockRef::from(&client).set_send_buffer_size(buffer).unwrap();
    let _accepted = listener.accept().await.unwrap();
    let mut sent = 0;
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        let _ = timeout(Duration::from_millis(20), client.writable()).await;
        sent += client.try_write(&[7; 4_096]).unwrap_or(0);
    }
    let arrived = usize::try_from(relay.traffic(Transport::Tcp).up).unwrap();
    println!("{sent} sent, {arrived} arrived");
    assert!(arrived > 8_000, "{arrived}");
    assert!(sent - arrived < 2 * buffer + 64 * 1024, "{}", sent - arrived);
}

#[tokio::test]
async fn jitter_and_losses_delay_bytes_and_change_none() {
    let bad = Impairment {
        jitter: Duration::from_millis(10),
        loss: 0.02,
        ..Impairment::path(40_000_000, Duration::from_millis(10))
    };
    let relay = ImpairmentRelay::to(echo().await, bad, 5).await.unwrap();
    let (mut read, mut write) = TcpStream::connect(relay.address()).await.unwrap().into_split();
    let pattern = Pattern::new(3);
    let sending = tokio::spawn(async move {
        for at in 0..16 {
            write.write_all(&pattern.bytes(at * 65_536, 65_536)).await.unwrap();
        }
        write.shutdown().await.unwrap();
    });
    let mut tally = Tally::new(pattern);
    let mut chunk = vec![0; 65_536];
    let begun = Instant::now();
    while let len @ 1.. = guard(read.read(&mut chunk)).await.unwrap() {
        tally.push(&chunk[..len]).unwrap();
    }
    sending.await.unwrap();
    let lost = relay.traffic(Transport::Tcp).lost;
    println!("{lost} segments came late, {:?}", begun.elapsed());
    assert_eq!(tally.len(), 1 << 20);
    assert!((10..=80).contains(&lost), "{lost} of about 1,430");
    assert!(begun.elapsed() > Duration::from_millis(400), "two losses one after the other take this long");
}

#[tokio::test]
async fn a_stall_holds_everything_back_for_its_time() {
    let stalls = Impairment::default().with_stalls(0.5, Duration::from_millis(200));
    let relay = ImpairmentRelay::to(echo().await, stalls, 1).await.unwrap();
    let mut stream = TcpStream::connect(relay.address()).await.unwrap();
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    while begun.elapsed() < Duration::from_millis(1_500) {
        longest = longest.max(round_trip(&mut stream).await);
    }
    println!("longest {longest:?}, stalled {:?} up", relay.stalled(Direction::Up));
    assert!(longest >= Duration::from_millis(50), "{longest:?}");
    let stalled = relay.stalled(Direction::Up) + relay.stalled(Direction::Down);
    assert!(stalled >= Duration::from_millis(400), "{stalled:?}");
    relay.set(Impairment::default());
    // What is on its way keeps its time.
    round_trip(&mut stream).await;
    assert!(round_trips(&mut stream).await < Duration::from_millis(50));
}

#[tokio::test]
async fn a_cut_ends_connections_as_it_says() {
    for (how, want) in [(Cut::Reset, Err(ErrorKind::ConnectionReset)), (Cut::Fin, Ok(0))] {
        let relay = ImpairmentRelay::to(echo().await, delay(1), 1).await.unwrap();
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        round_trip(&mut stream).await;
        relay.cut(how);
        let got = guard(stream.read(&mut [0])).await.map_err(|error| error.kind());
        assert_eq!(got, want);
        // A cut is over when it is over.
        round_trip(&mut TcpStream::connect(relay.address()).await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_black_hole_takes_everything_and_gives_it_back_when_it_closes() {
    let relay = ImpairmentRelay::to(echo().await, Impairment::default(), 1).await.unwrap();
    let mut stream = TcpStream::connect(relay.address()).await.unwrap();
    round_trip(&mut stream).await;
    relay.black_hole(Transport::Tcp, true);
    stream.write_all(b"lost?").await.unwrap();
    let mut back = [0; 5];
    let heard = timeout(Duration::from_millis(300), stream.read_exact(&mut back)).await;
    assert!(heard.is_err(), "something came out of a black hole");
    relay.black_hole(Transport::Tcp, false);
    guard(stream.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"lost?");
}

#[tokio::test]
async fn a_nat_that_forgets_leaves_old_connections_without_a_word() {
    let relay = ImpairmentRelay::to(echo().await, Impairment::default(), 1).await.unwrap();
    let mut old = TcpStream::connect(relay.address()).await.unwrap();
    round_trip(&mut old).await;
    relay.rebind();
    old.write_all(b"x").await.unwrap();
    assert!(timeout(Duration::from_millis(300), old.read(&mut [0])).await.is_err(), "it heard something");
    round_trip(&mut TcpStream::connect(relay.address()).await.unwrap()).await;
}

#[tokio::test]
async fn the_end_of_a_connection_travels_as_its_bytes_do() {
    let (listener, target) = listener().await;
    let relay = ImpairmentRelay::to(target, delay(100), 1).await.unwrap();
    let mut ends = Vec::new();
    for _ in 0..3 {
        let client = TcpStream::connect(relay.address()).await.unwrap();
        ends.push((client, listener.accept().await.unwrap().0));
    }
    let [(late, hears_late), (held, hears_held), (forgotten, hears_nothing)] = &mut ends[..] else {
        panic!()
    };
    let begun = Instant::now();
    late.shutdown().await.unwrap();
    assert_eq!(guard(hears_late.read(&mut [0])).await.unwrap(), 0);
    assert!(begun.elapsed() >= Duration::from_millis(100), "{:?}", begun.elapsed());

    relay.black_hole(Transport::Tcp, true);
    held.shutdown().await.unwrap();
    let heard = timeout(Duration::from_millis(400), hears_held.read(&mut [0])).await;
    assert!(heard.is_err(), "an end came out of a black hole");
    relay.black_hole(Transport::Tcp, false);
    assert_eq!(guard(hears_held.read(&mut [0])).await.unwrap(), 0);

    relay.rebind();
    forgotten.shutdown().await.unwrap();
    let heard = timeout(Duration::from_millis(400), hears_nothing.read(&mut [0])).await;
    assert!(heard.is_err(), "an end came through a NAT that has forgotten");
}

async fn round_trips(stream: &mut TcpStream) -> Duration {
    let mut times = Vec::new();
    for _ in 0..9 {
        times.push(round_trip(stream).await);
    }
    quickest(times)
}

async fn round_trip(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    stream.write_all(b"x").await.unwrap();
    guard(stream.read_exact(&mut [0])).await.unwrap();
    begun.elapsed()
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn echo() -> SocketAddr {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    address
}
