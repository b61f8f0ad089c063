//! What happens in one simulation, drawn from its seed before it begins.

use std::time::Duration;

use pageport_link::{CarrierKind, Timings};
use pageport_testkit::Random;

use crate::support::{Exchange, TCP_KINDS, Task};

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// The least and the largest time that a segment travels.
    pub(crate) latency: (Duration, Duration),
    pub(crate) timings: Timings,
    pub(crate) lease: Duration,
    pub(crate) pages: Vec<PagePlan>,
    /// In order of time.
    pub(crate) events: Vec<(Duration, Event)>,
}

#[derive(Debug, Clone)]
pub(crate) struct PagePlan {
    pub(crate) kind: CarrierKind,
    /// What its streams do, and when they are opened.
    pub(crate) streams: Vec<(Duration, Work)>,
    /// It goes without a word at this time.
    pub(crate) crashes: Option<Duration>,
}

/// What one stream does, as the page sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// What the gateway's end is asked for.
    Ask(Task),
    /// The page gives an exchange up when so many bytes have come.
    GiveUp(Exchange, u64),
}

/// What the network does to one page, or the gateway to all.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// What is sent is lost: both ways, or one.
    Partition { page: usize, way: Way, time: Duration },
    /// What is sent waits.
    Stall { page: usize, time: Duration },
    /// A share of the segments is lost, each with those that are on their way.
    Loss { page: usize, rate: f64, time: Duration },
    /// The gateway is killed and started again; what pages send meanwhile waits for its next life, or is lost.
    Reboot { time: Duration, heard: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Both,
    Up,
    Down,
}

impl Work {
    pub(crate) fn exchange(seed: u32, up: u64, down: u64) -> Work {
        Work::Ask(Task::Exchange(Exchange { seed, up, down }))
    }

    fn draw(random: &mut Random) -> Work {
        let seed = random.below(1 << 32) as u32;
        let size = |random: &mut Random| match random.below(3) {
            0 => random.below(2_000),
            1 => random.below(60_000),
            _ => random.below(600_000),
        };
        let (up, down) = (size(random), size(random));
        let code = 0x1_0000 + random.below(1_000) as u32;
        match random.below(12) {
            0 => Work::Ask(Task::Reset { bytes: down as usize, code }),
            1 => Work::Ask(Task::Stop { bytes: up as usize, code }),
            2 => Work::Ask(Task::Silent),
            3 => Work::Ask(Task::Drop),
            4 => Work::GiveUp(Exchange { seed, up, down }, random.below(down + 1)),
            _ => Work::exchange(seed, up, down),
        }
    }
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Plan {
        let mut random = Random::new(seed);
        let random = &mut random;
        // Now and then the protocol's own timings; the others do the same in less time.
        let (timings, lease) =
            if random.below(8) == 0 { (Timings::default(), seconds(150)) } else { (short(), seconds(30)) };
        let shortest = milliseconds(random.below(60));
        let pages = (0..1 + random.below(3)).map(|_| PagePlan::draw(random)).collect::<Vec<_>>();
        let mut events: Vec<(Duration, Event)> = (0..random.below(7))
            .map(|_| (milliseconds(random.below(20_000)), Event::draw(random, pages.len(), lease)))
            .collect();
        events.sort_by_key(|(at, _)| *at);
        Plan {
            seed,
            latency: (shortest, shortest + milliseconds(1 + random.below(200))),
            timings,
            lease,
            pages,
            events,
        }
    }

    /// One page with these streams, and a network without faults.
    pub(crate) fn quiet(streams: &[Work]) -> Plan {
        let streams = streams.iter().map(|work| (Duration::ZERO, *work)).collect();
        Plan {
            seed: 1,
            latency: (milliseconds(5), milliseconds(30)),
            timings: short(),
            lease: seconds(30),
            pages: vec![PagePlan { kind: CarrierKind::Bytes, streams, crashes: None }],
            events: Vec::new(),
        }
    }

    /// Whether a stream may fail: a gateway that was started again has lost it, and so has one that waited for longer than its lease.
    pub(crate) fn may_fail(&self) -> bool {
        let silences: Duration = self.events.iter().map(|(_, event)| event.silence()).sum();
        let reboots = self.events.iter().any(|(_, event)| matches!(event, Event::Reboot { .. }));
        reboots || silences > self.lease / 2
    }
}

impl PagePlan {
    fn draw(random: &mut Random) -> PagePlan {
        let kind = TCP_KINDS[random.below(TCP_KINDS.len() as u64) as usize];
        let streams = (0..2 + random.below(7))
            .map(|_| (milliseconds(random.below(15_000)), Work::draw(random)))
            .collect();
        let crashes = (random.below(6) == 0).then(|| milliseconds(random.below(15_000)));
        PagePlan { kind, streams, crashes }
    }
}

impl Event {
    fn draw(random: &mut Random, pages: usize, lease: Duration) -> Event {
        let page = random.below(pages as u64) as usize;
        // Some are longer than a gateway waits.
        let time = match random.below(12) {
            0 => lease + seconds(10),
            _ => milliseconds(100 + random.below(8_000)),
        };
        match random.below(7) {
            0 => Event::Reboot { time: milliseconds(random.below(3_000)), heard: random.below(2) == 0 },
            1 => Event::Stall { page, time },
            2 | 3 => Event::Loss { page, rate: 0.002 * (1 + random.below(10)) as f64, time },
            way => Event::Partition { page, way: [Way::Both, Way::Up, Way::Down][way as usize - 4], time },
        }
    }

    /// For how long it keeps a session from having a carrier.
    pub(crate) fn silence(&self) -> Duration {
        match self {
            Event::Partition { time, .. } | Event::Stall { time, .. } | Event::Loss { time, .. } => *time,
            Event::Reboot { time, .. } => *time,
        }
    }
}

/// The protocol's timings, all about five times as short.
fn short() -> Timings {
    Timings {
        ping: seconds(3),
        silent: seconds(4),
        candidate: seconds(2),
        leave: seconds(2),
        confirm: seconds(3),
        attempt: seconds(3),
        page_silent: seconds(8),
        probe: seconds(1),
        ..Timings::default()
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
