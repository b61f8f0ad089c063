//! Many connections to the service over one WebSocket: Wisp, version 1, as a light client.
//!
//! | module | what |
//! |---|---|
//! | `packets` | the wire |
//! | `socket` | the WebSocket, and what may be sent on each stream |

mod packets;
mod socket;

use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::busy::Busy;
use super::connection::MESSAGE;
use super::target::Target;
use super::verify::Random;
use super::{bulk, trips, verify};
use crate::Outcome;
use crate::service::{DOWN, ECHO, UP};
use socket::Socket;

/// Where it goes, and how many streams there are.
pub(crate) struct Scene {
    pub(crate) gateway: Target,
    pub(crate) service: std::net::SocketAddr,
    pub(crate) streams: usize,
}

impl Scene {
    /// What each stream has of all bytes.
    fn share(&self, bytes: u64) -> u64 {
        bytes / self.streams as u64
    }

    fn all<T: Clone>(&self, value: T) -> Vec<T> {
        vec![value; self.streams]
    }
}

/// A stream that ends before it is over would be waited for for ever.
fn unended(is_early: bool) -> Outcome {
    if is_early { Err("a stream ended early".into()) } else { Ok(()) }
}

/// From the service, on all streams at once.
pub(crate) async fn down(bytes: u64, scene: &Scene) -> Outcome {
    let mut socket = Socket::open(scene).await?;
    let (mut reader, mut writer) = socket.split();
    let share = scene.share(bytes);
    let busy = Busy::start()?;
    for stream in 0..scene.streams {
        writer.send(stream, &bulk::request(DOWN, share)).await?;
    }
    let (mut left, mut streams_left) = (scene.all(share), scene.streams);
    let mut buffer = vec![0; bulk::CHUNK];
    while streams_left > 0 {
        reader
            .receive(&mut buffer, |stream, bytes| {
                let left = &mut left[stream];
                unended(bytes.is_empty() && *left > 0)?;
                *left = left.checked_sub(bytes.len() as u64).ok_or("more came than was asked for")?;
                streams_left -= usize::from(*left == 0 && !bytes.is_empty());
                Ok(())
            })
            .await?;
    }
    bulk::report(share * scene.streams as u64, &busy)
}

/// To the service; the clock stops when it has everything of all streams.
pub(crate) async fn up(bytes: u64, scene: &Scene) -> Outcome {
    let mut socket = Socket::open(scene).await?;
    let (mut reader, mut writer) = socket.split();
    let share = scene.share(bytes);
    let busy = Busy::start()?;
    let send = async {
        for stream in 0..scene.streams {
            writer.send(stream, &bulk::request(UP, share)).await?;
        }
        writer.repeat(&vec![7; MESSAGE], share).await
    };
    let receive = async {
        let (mut done, mut buffer) = (scene.all(false), vec![0; 4096]);
        while done.contains(&false) {
            reader
                .receive(&mut buffer, |stream, bytes| {
                    unended(bytes.is_empty() && !done[stream])?;
                    done[stream] |= bytes == [UP];
                    Ok(())
                })
                .await?;
        }
        Outcome::Ok(())
    };
    tokio::try_join!(send, receive)?;
    bulk::report(share * scene.streams as u64, &busy)
}

/// Each stream sends 64 bytes, waits until they are back, and goes on; what is due at the same time goes out at once.
pub(crate) async fn round_trips(seconds: f64, scene: &Scene) -> Outcome {
    let mut socket = Socket::open(scene).await?;
    let (mut reader, mut writer) = socket.split();
    let mut buffer = vec![0; 64 * 1024];
    for stream in 0..scene.streams {
        writer.send(stream, &[ECHO]).await?;
    }
    let busy = Busy::start()?;
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let (mut begun, mut came, mut times) = (scene.all(Instant::now()), scene.all(0), Vec::new());
    let mut due: Vec<usize> = (0..scene.streams).collect();
    let mut open = scene.streams;
    while open > 0 {
        let now = Instant::now();
        due.iter().for_each(|&stream| begun[stream] = now);
        writer.send_each(&due, &[9; 64]).await?;
        due.clear();
        reader
            .receive(&mut buffer, |stream, bytes| {
                unended(bytes.is_empty())?;
                came[stream] += bytes.len();
                if came[stream] < 64 {
                    return Ok(());
                }
                came[stream] = 0;
                times.push(begun[stream].elapsed());
                if Instant::now() < end {
                    due.push(stream);
                } else {
                    open -= 1;
                }
                Ok(())
            })
            .await?;
    }
    trips::report(times, &busy)
}

/// See [`verify`]: bytes of all streams mixed, each stream checked by itself.
pub(crate) async fn check(bytes: u64, scene: &Scene) -> Outcome {
    let mut socket = Socket::open(scene).await?;
    let (mut reader, mut writer) = socket.split();
    let share = scene.share(bytes);
    let send = async {
        let (mut random, mut left, mut hashes) = (Random(2), scene.all(share), scene.all(Sha256::new()));
        for stream in 0..scene.streams {
            writer.send(stream, &[ECHO]).await?;
        }
        while left.iter().any(|&left| left > 0) {
            for stream in 0..scene.streams {
                let piece = if left[stream] > 0 { random.piece(left[stream]) } else { continue };
                hashes[stream].update(&piece);
                left[stream] -= piece.len() as u64;
                writer.send(stream, &piece).await?;
            }
        }
        Outcome::Ok(hashes)
    };
    let receive = async {
        let (mut came, mut hashes, mut all) = (scene.all(0), scene.all(Sha256::new()), 0);
        let mut buffer = vec![0; 64 * 1024];
        while all < share * scene.streams as u64 {
            reader
                .receive(&mut buffer, |stream, bytes| {
                    unended(bytes.is_empty())?;
                    hashes[stream].update(bytes);
                    came[stream] += bytes.len() as u64;
                    all += bytes.len() as u64;
                    Ok(())
                })
                .await?;
        }
        Outcome::Ok((came, hashes))
    };
    let (sent, (came, back)) = tokio::try_join!(send, receive)?;
    for ((sent, back), came) in sent.into_iter().zip(back).zip(came) {
        verify::report(share, came, sent, back)?;
    }
    Ok(())
}
