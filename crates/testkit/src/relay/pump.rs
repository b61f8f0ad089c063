//! Moves bytes of one connection, and does to them what the plan says.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::{Cut, Direction, Shared};

/// Small, so that little is on its way inside the relay.
const CHUNK: usize = 16 * 1024;

/// Runs until both directions have ended.
pub(super) async fn both(shared: &Shared, client: &mut TcpStream, target: &mut TcpStream) {
    let (client_read, client_write) = client.split();
    let (target_read, target_write) = target.split();
    tokio::join!(
        one(shared, Direction::Up, client_read, target_write),
        one(shared, Direction::Down, target_read, client_write),
    );
}

async fn one(shared: &Shared, direction: Direction, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) {
    let mut stalled = shared.stalled.subscribe();
    let flows = |stalled: &(bool, bool)| match direction {
        Direction::Up => !stalled.0,
        Direction::Down => !stalled.1,
    };
    let mut chunk = vec![0; CHUNK];
    loop {
        if stalled.wait_for(flows).await.is_err() {
            return;
        }
        let Ok(len @ 1..) = from.read(&mut chunk).await else { break };
        // What came while the relay was stalling is in the black hole until it goes on.
        if stalled.wait_for(flows).await.is_err() {
            return;
        }
        let (passed, cut) = shared.pass(direction, &chunk[..len]);
        let due = cut.map(|how| Due { shared, how });
        if to.write_all(&passed).await.is_err() {
            break;
        }
        shared.passed(direction, passed.len());
        if due.is_some() {
            drop(due);
            // The connection is torn from outside.
            return std::future::pending().await;
        }
    }
    let _ = to.shutdown().await;
}

/// A cut whose byte has come. It happens even if that byte cannot be passed on because its own connection has ended meanwhile.
struct Due<'a> {
    shared: &'a Shared,
    how: Cut,
}

impl Drop for Due<'_> {
    fn drop(&mut self) {
        self.shared.cut(self.how);
    }
}

impl Shared {
    /// What becomes of these bytes.
    fn pass(&self, direction: Direction, bytes: &[u8]) -> (Vec<u8>, Option<Cut>) {
        let mut plan = self.plan();
        let lane = plan.lane(direction);
        let start = lane.seen;
        let end = start + bytes.len() as u64;
        let (end, cut) = match lane.cut.take_if(|(at, _)| *at <= end) {
            Some((at, how)) => (at.max(start), Some(how)),
            None => (end, None),
        };
        lane.seen = end;
        let mut damaged = 0;
        let mut passed = Vec::with_capacity(bytes.len());
        for (position, byte) in (start..end).zip(bytes) {
            let flip = lane.flips.contains(&position);
            let gap = lane.gaps.iter().any(|(from, to)| (*from..*to).contains(&position));
            damaged += u64::from(flip || gap);
            if !gap {
                passed.push(byte ^ u8::from(flip));
            }
        }
        plan.counts.damaged += damaged;
        (passed, cut)
    }

    fn passed(&self, direction: Direction, len: usize) {
        let counts = &mut self.plan().counts;
        match direction {
            Direction::Up => counts.up += len as u64,
            Direction::Down => counts.down += len as u64,
        }
    }
}
