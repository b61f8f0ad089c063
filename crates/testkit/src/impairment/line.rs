//! One direction of a path: when what enters it now comes out at the other end. Knows numbers only, no sockets and no clock.

use std::time::Duration;

use tokio::time::Instant;

use super::Impairment;
use crate::Random;

/// What a segment of TCP carries over Ethernet: losses of a connection are drawn for so many bytes.
const SEGMENT: usize = 1_460;
/// The least time that Linux waits before it sends a segment again.
const RETRANSMISSION: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Line {
    impairment: Impairment,
    random: Random,
    /// When all that entered so far has left.
    free: Instant,
    /// The stall that is next, or now.
    stall: (Instant, Instant),
    /// Stalls that are over.
    stalled: Duration,
}

impl Line {
    pub(super) fn new(impairment: Impairment, seed: u64, now: Instant) -> Line {
        let random = Random::new(seed);
        let mut line = Line { impairment, random, free: now, stall: (now, now), stalled: Duration::ZERO };
        line.set(impairment, now);
        line
    }

    /// What has entered before keeps its time.
    pub(super) fn set(&mut self, impairment: Impairment, now: Instant) {
        self.impairment = impairment;
        self.stall = (now, now);
        self.next_stall();
    }

    pub(super) fn impairment(&self) -> Impairment {
        self.impairment
    }

    /// How long what enters now waits until it leaves.
    pub(super) fn backlog(&self, now: Instant) -> Duration {
        self.free.saturating_duration_since(now)
    }

    /// How long nothing left in the stalls so far.
    pub(super) fn stalled(&self) -> Duration {
        self.stalled
    }

    /// When these bytes arrive.
    pub(super) fn send(&mut self, len: usize, now: Instant) -> Instant {
        let begin = self.after_stalls(self.free.max(now));
        self.free = begin + self.impairment.sending(len);
        let jitter = self.impairment.jitter.mul_f64(self.chance());
        self.free + self.impairment.delay + jitter
    }

    /// Whether a datagram is lost.
    pub(super) fn loses(&mut self) -> bool {
        // Nothing is drawn where nothing is decided: so the other numbers of a seed stay the same.
        self.impairment.loss > 0.0 && self.chance() < self.impairment.loss
    }

    /// How much later bytes of a connection arrive because segments of theirs were lost, and how many were.
    pub(super) fn retransmits(&mut self, len: usize) -> (Duration, u64) {
        let segments = len.div_ceil(SEGMENT);
        let lost = (0..segments).filter(|_| self.loses()).count();
        let late = if lost > 0 { self.impairment.delay * 2 + RETRANSMISSION } else { Duration::ZERO };
        (late, lost as u64)
    }

    fn after_stalls(&mut self, at: Instant) -> Instant {
        if self.impairment.stalled <= 0.0 {
            return at;
        }
        loop {
            let (from, until) = self.stall;
            if at < from {
                return at;
            }
            if at < until {
                return until;
            }
            self.stalled += until - from;
            self.next_stall();
        }
    }

    fn next_stall(&mut self) {
        let Impairment { stalled, stall, .. } = self.impairment;
        if stalled <= 0.0 {
            return;
        }
        let flow = stall.mul_f64((1.0 - stalled) / stalled * (0.5 + self.chance()));
        let from = self.stall.1 + flow;
        self.stall = (from, from + stall.mul_f64(0.5 + self.chance()));
    }

    /// Evenly between 0 and 1.
    #[expect(clippy::cast_precision_loss, reason = "as many bits as a double has")]
    fn chance(&mut self) -> f64 {
        (self.random.number() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1);

    fn line(impairment: Impairment) -> (Line, Instant) {
        let now = Instant::now() + START;
        (Line::new(impairment, 1, now), now)
    }

    #[test]
    fn a_rate_is_kept_and_a_delay_added_once() {
        let (mut line, now) = line(Impairment::path(8_000_000, Duration::from_millis(80)));
        assert_eq!(line.send(1_000, now) - now, Duration::from_millis(41));
        assert_eq!(line.send(9_000, now) - now, Duration::from_millis(50));
        assert_eq!(line.backlog(now), Duration::from_millis(10));
        let later = now + Duration::from_secs(1);
        assert_eq!(line.send(1_000, later) - later, Duration::from_millis(41));
    }

    #[test]
    fn jitter_stays_below_its_bound_and_uses_all_of_it() {
        let jitter = Duration::from_millis(20);
        let (mut line, now) = line(Impairment { jitter, ..Impairment::default() });
        let times: Vec<Duration> = (0..1_000).map(|_| line.send(1, now) - now).collect();
        assert!(times.iter().all(|time| *time <= jitter));
        assert!(
            times.iter().any(|time| *time < jitter / 10) && times.iter().any(|time| *time > jitter / 10 * 9)
        );
    }

    #[test]
    fn as_many_datagrams_are_lost_as_asked_for() {
        for (loss, bounds) in [(0.0, 0..=0), (0.05, 400..=600), (1.0, 10_000..=10_000)] {
            let (mut line, _) = line(Impairment { loss, ..Impairment::default() });
            let lost = (0..10_000).filter(|_| line.loses()).count();
            assert!(bounds.contains(&lost), "{loss}: {lost}");
        }
    }

    #[test]
    fn stalls_take_their_share_of_the_time() {
        let stall = Duration::from_secs(2);
        let (mut line, now) = line(Impairment::default().with_stalls(0.25, stall));
        let (mut waited, mut longest) = (Duration::ZERO, Duration::ZERO);
        let ticks = 400_000;
        for tick in 0..ticks {
            let at = now + Duration::from_millis(10) * tick;
            let wait = line.send(0, at) - at;
            longest = longest.max(wait);
            if !wait.is_zero() {
                waited += Duration::from_millis(10);
            }
            // Without a rate nothing queues up: the next tick stands for itself.
            line.free = at;
        }
        let share = waited.as_secs_f64() / f64::from(ticks) * 100.0;
        assert!((0.23..0.27).contains(&share), "{share}");
        assert!(longest <= stall.mul_f64(1.5) && longest > stall, "{longest:?}");
        assert!(line.stalled().abs_diff(waited) < stall * 2);
    }

    #[test]
    fn a_lost_segment_makes_its_connection_wait_for_a_round_trip_and_a_timeout() {
        let path = Impairment::path(8_000_000, Duration::from_millis(100));
        let (mut line, _) = line(Impairment { loss: 1.0, ..path });
        assert_eq!(line.retransmits(3_000), (Duration::from_millis(300), 3));
        line.set(path, Instant::now());
        assert_eq!(line.retransmits(3_000), (Duration::ZERO, 0));
    }

    #[test]
    fn a_seed_repeats_itself() {
        let run = |seed| {
            let now = Instant::now();
            let impairment = Impairment {
                jitter: Duration::from_millis(5),
                ..Impairment::default().with_stalls(0.3, Duration::from_millis(50))
            };
            let mut line = Line::new(impairment, seed, now);
            (0..500).map(|tick| line.send(1, now + Duration::from_millis(tick)) - now).collect::<Vec<_>>()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }
}
