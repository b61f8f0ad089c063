//! How many packets a client may still send on a TCP stream. CONTINUE sets what it has left, whatever was on its way meanwhile, so nobody
//! knows the number exactly: here both bounds of it are kept, and no client that keeps to the protocol can go beyond three buffers.

/// Of one stream. All numbers but `size` count from the stream's beginning.
#[derive(Debug, Clone)]
pub struct Credit {
    /// Packets that the buffer takes.
    size: u64,
    received: u64,
    consumed: u64,
    /// What the client may send at least, if it had sent nothing more than was received when it was told last.
    least: u64,
    /// What it may send at most, if it had used up everything by then.
    most: u64,
}

/// More packets than any client that listens to CONTINUE could send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overrun;

impl Credit {
    /// For a stream whose client was told `size` with its greeting.
    #[must_use]
    pub fn new(size: u32) -> Credit {
        let size = u64::from(size.max(1));
        Credit { size, received: 0, consumed: 0, least: size, most: size }
    }

    /// A packet came.
    ///
    /// # Errors
    /// It may not.
    pub fn receive(&mut self) -> Result<(), Overrun> {
        if self.received >= self.most {
            // It is not taken: both bounds stay true for what was.
            return Err(Overrun);
        }
        self.received += 1;
        Ok(())
    }

    /// So many packets went on to the target. What the client is to be told, once that is worth it: near the end of what it knows of while the
    /// two bounds are close, and else only when it may have nothing left.
    pub fn consume(&mut self, packets: u64) -> Option<u32> {
        self.consumed += packets;
        let half = self.size / 2;
        let is_near = self.received + half >= self.least && self.most - self.received <= 2 * self.size;
        let is_due = is_near || self.received >= self.least;
        (is_due && self.room() >= half.max(1)).then(|| self.grant())
    }

    /// What the client is told now: what the buffer has room for.
    pub fn grant(&mut self) -> u32 {
        let room = self.room();
        self.least = self.received + room;
        self.most += room;
        u32::try_from(room).unwrap_or(u32::MAX)
    }

    fn room(&self) -> u64 {
        self.size.saturating_sub(self.received - self.consumed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_client_far_from_the_gateway_is_told_before_it_has_nothing_left() {
        let mut credit = Credit::new(8);
        let told: Vec<_> = (0..8)
            .map(|_| {
                credit.receive().expect("was granted");
                credit.consume(1)
            })
            .collect();
        assert_eq!(told, [None, None, None, Some(8), None, None, None, Some(8)]);
    }

    #[test]
    fn what_nobody_was_told_is_too_much() {
        let mut credit = Credit::new(4);
        for _ in 0..4 {
            credit.receive().expect("was granted");
        }
        assert_eq!(credit.receive(), Err(Overrun));
    }

    proptest! {
        /// A client that keeps to the protocol, at any distance and with a target of any speed, is never stopped for good, never goes too far,
        /// and never has more than three buffers waiting.
        #[test]
        fn a_good_client_always_goes_on(size in 1_u32..20, steps in proptest::collection::vec(0_u8..4, 1..2_000)) {
            let mut credit = Credit::new(size);
            let (mut left, mut waiting) = (size, 0_u64);
            let (mut up, mut down) = (0_u64, VecDeque::new());
            let mut turn = |what: u8| -> bool {
                match what {
                    0 if left > 0 => { left -= 1; up += 1; }
                    1 if up > 0 => { up -= 1; waiting += 1; assert_eq!(credit.receive(), Ok(())); }
                    2 if waiting > 0 => { waiting -= 1; down.extend(credit.consume(1)); }
                    3 => match down.pop_front() { Some(told) => left = told, None => return false },
                    _ => return false,
                }
                assert!(up + waiting + u64::from(left) <= 3 * u64::from(size));
                true
            };
            for step in steps {
                turn(step);
            }
            // Everything arrives: then the client has something left.
            while turn(1) || turn(2) || turn(3) {}
            assert!(turn(0));
        }

        /// A client that sends whatever it likes has three buffers waiting at most, and its target can go on taking what is there.
        #[test]
        fn a_bad_client_has_no_more_than_a_good_one(size in 1_u32..20, steps in proptest::collection::vec(any::<bool>(), 1..2_000)) {
            let mut credit = Credit::new(size);
            let mut waiting = 0_u64;
            for takes in steps {
                if takes && waiting > 0 {
                    waiting -= 1;
                    credit.consume(1);
                } else if credit.receive().is_ok() {
                    waiting += 1;
                }
                prop_assert!(waiting <= 3 * u64::from(size));
            }
        }
    }
}
