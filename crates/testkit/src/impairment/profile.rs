//! What a path is like, as numbers, and a ladder of paths from good to hardly bearable.

use std::time::Duration;

/// One direction of a path. The default is a path without any impairment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Impairment {
    /// How long a byte travels, one way.
    pub delay: Duration,
    /// Up to how much longer, each time drawn anew. Datagrams overtake each other by it, bytes of a connection do not.
    pub jitter: Duration,
    /// Bits a second.
    pub rate: Option<u64>,
    /// Which share of datagrams is lost. Of a connection it is the share of segments that come a round trip and 200 ms later, with all
    /// that is behind them: what a retransmission looks like from outside.
    pub loss: f64,
    /// Which share of the time nothing leaves, in stalls of about [`Impairment::stall`].
    pub stalled: f64,
    /// How long a stall is: each one between half as long and half as long again.
    pub stall: Duration,
}

impl Impairment {
    /// So many bits a second with this round trip, half of it each way.
    #[must_use]
    pub const fn path(rate: u64, round_trip: Duration) -> Impairment {
        Impairment {
            delay: match round_trip.checked_div(2) {
                Some(half) => half,
                None => Duration::ZERO,
            },
            jitter: Duration::ZERO,
            rate: Some(rate),
            loss: 0.0,
            stalled: 0.0,
            stall: Duration::ZERO,
        }
    }

    /// Standing still for this share of the time.
    #[must_use]
    pub const fn with_stalls(self, share: f64, length: Duration) -> Impairment {
        Impairment { stalled: share, stall: length, ..self }
    }

    /// How long so many bytes take to leave.
    pub(super) fn sending(&self, len: usize) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| {
            Duration::from_nanos((len as u64).saturating_mul(8_000_000_000) / rate.max(1))
        })
    }

    /// How many bytes leave within this time; `None` without a rate.
    pub(super) fn bytes_in(&self, time: Duration) -> Option<usize> {
        let bytes = u128::from(self.rate?) * time.as_micros() / 8_000_000;
        Some(usize::try_from(bytes).unwrap_or(usize::MAX))
    }
}

/// One step of [`LADDER`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rung {
    /// As it is printed.
    pub name: &'static str,
    /// Each direction.
    pub impairment: Impairment,
}

/// From a good connection at home down to a train in the countryside.
pub const LADDER: [Rung; 6] = [
    rung("100mbit/16ms", 100_000_000, 16),
    rung("20mbit/40ms", 20_000_000, 40),
    rung("4mbit/100ms", 4_000_000, 100),
    rung("1mbit/200ms", 1_000_000, 200),
    rung("512kbit/400ms", 512_000, 400),
    Rung {
        name: "256kbit/800ms/25%",
        impairment: Impairment::path(256_000, Duration::from_millis(800))
            .with_stalls(0.25, Duration::from_secs(2)),
    },
];

const fn rung(name: &'static str, rate: u64, round_trip: u64) -> Rung {
    Rung { name, impairment: Impairment::path(rate, Duration::from_millis(round_trip)) }
}
