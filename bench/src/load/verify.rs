//! Bytes that nobody can guess, in pieces of all sizes, to the echo and back: whoever loses, doubles, reorders or changes one is found by
//! its hash. What is fast is only worth something if it is right.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::connection::Connection;
use super::target::Target;
use crate::Outcome;
use crate::service::ECHO;

const LARGEST: usize = 100_000;

pub(crate) async fn run(bytes: u64, target: &Target) -> Outcome {
    let mut connection = Connection::open(target).await?;
    let (mut reader, mut writer) = connection.split();
    let send = async {
        let (mut random, mut sent, mut hash) = (Random(1), 0, Sha256::new());
        writer.send(&[ECHO]).await?;
        while sent < bytes {
            let piece = random.piece(bytes - sent);
            hash.update(&piece);
            writer.send(&piece).await?;
            sent += piece.len() as u64;
        }
        Outcome::Ok(hash)
    };
    let receive = async {
        let (mut came, mut hash, mut buffer) = (0, Sha256::new(), vec![0; LARGEST]);
        while came < bytes {
            reader
                .receive(&mut buffer, |piece| {
                    hash.update(piece);
                    came += piece.len() as u64;
                    Ok(())
                })
                .await?;
        }
        Outcome::Ok((came, hash))
    };
    let (sent, (came, back)) = tokio::try_join!(send, receive)?;
    report(bytes, came, sent, back)
}

/// Says the hash of what came, if it is that of what was sent.
pub(super) fn report(bytes: u64, came: u64, sent: Sha256, back: Sha256) -> Outcome {
    let (sent, back) = (hex(sent), hex(back));
    if came != bytes || sent != back {
        return Err(format!("{bytes} bytes with {sent} were sent, {came} with {back} came back").into());
    }
    println!("{}", json!({ "bytes": came, "sha256": back }));
    Ok(())
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Marsaglia's xorshift64.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Up to so many bytes, sometimes very few.
    #[expect(clippy::cast_possible_truncation, reason = "what is random may lose its upper half")]
    pub(super) fn piece(&mut self, most: u64) -> Vec<u8> {
        let scale = [1, 200, 5_000, LARGEST][self.next() as usize % 4];
        let len = (1 + self.next() as usize % scale).min(usize::try_from(most).unwrap_or(scale));
        (0..len).map(|_| self.next() as u8).collect()
    }
}
