//! Silence, leases and sweeps (§4, §5). Time comes as an argument; nothing here waits.

use std::time::{Duration, Instant};

use super::attach::Phase;
use super::{CarrierId, Session, Settings};
use crate::frame::{Farewell, Frame};
use crate::{Code, Role};

/// How long things may take. The defaults are the protocol's.
#[derive(Debug, Clone)]
pub struct Timings {
    /// An acknowledgement waits at most this long: 200 ms.
    pub sweep: Duration,
    /// How often a gateway sends PING: 15 s.
    pub ping: Duration,
    /// When a gateway retires a silent carrier, or one with an unanswered PING: 20 s.
    pub silent: Duration,
    /// When a gateway drops a silent candidate: 5 s.
    pub candidate: Duration,
    /// How long a session lives whose page has left: 10 s, which is for a page that was not.
    pub leave: Duration,
    /// When a session ends whose first RESUME has not ended: 10 s.
    pub confirm: Duration,
    /// When a page gives up a silent attempt: 10 s.
    pub attempt: Duration,
    /// When a page probes a silent carrier: 40 s.
    pub page_silent: Duration,
    /// How long a probe may take: 5 s.
    pub probe: Duration,
}

impl Default for Timings {
    fn default() -> Timings {
        Timings {
            sweep: Duration::from_millis(200),
            ping: Duration::from_secs(15),
            silent: Duration::from_secs(20),
            candidate: Duration::from_secs(5),
            leave: Duration::from_secs(10),
            confirm: Duration::from_secs(10),
            attempt: Duration::from_secs(10),
            page_silent: Duration::from_secs(40),
            probe: Duration::from_secs(5),
        }
    }
}

impl Session {
    /// When to call [`Session::tick`], at the latest.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        if self.closed.is_some() {
            return None;
        }
        let carriers = self.carriers.keys().filter_map(|id| self.due(*id).map(|due| due.0)).min();
        [carriers, self.sweep_at(), self.lease_at(), self.confirm_at()].into_iter().flatten().min()
    }

    /// Does what has become due.
    pub fn tick(&mut self, now: Instant) {
        if self.sweep_at().is_some_and(|at| at <= now) {
            self.sweep();
        }
        let ids: Vec<CarrierId> = self.carriers.keys().copied().collect();
        for id in ids {
            if let Some((_, what)) = self.due(id).filter(|(at, _)| *at <= now) {
                match what {
                    Due::Ping => self.ping(id, now),
                    Due::Retire(code) if self.active == Some(id) => self.detach(code, now),
                    Due::Retire(code) => self.retire(id, code),
                }
            }
        }
        if [self.lease_at(), self.confirm_at()].into_iter().flatten().any(|at| at <= now) {
            self.end(Farewell::new(Code::ERR_SESSION_LOST, ""), true);
        }
    }

    /// The page's role: finds out now whether the carrier still works.
    pub fn probe(&mut self, now: Instant) {
        if let Some(carrier) = self.active
            && self.carriers.get(&carrier).is_some_and(|state| state.ping.is_none())
        {
            self.ping(carrier, now);
        }
    }

    pub(super) fn ping(&mut self, carrier: CarrierId, now: Instant) {
        let Some(state) = self.carriers.get_mut(&carrier) else { return };
        state.pinged_at = now;
        // A page's PING is answered by any byte, so an old one may still stand here.
        if state.ping.is_none() || self.settings.role == Role::Page {
            let token = now.saturating_duration_since(self.born_at).as_nanos();
            let token = u64::try_from(token).unwrap_or(u64::MAX).to_be_bytes();
            state.ping = Some((token, now));
            state.out.push_back(Frame::Ping(token));
        }
    }

    pub(super) fn on_pong(&mut self, carrier: CarrierId, token: [u8; 8], now: Instant) {
        let Some(state) = self.carriers.get_mut(&carrier) else { return };
        if let Some((_, sent)) = state.ping.take_if(|(sent, _)| *sent == token) {
            self.sample_rtt(now.saturating_duration_since(sent));
        }
    }

    /// A moving average, as TCP has it (RFC 6298 §2).
    pub(super) fn sample_rtt(&mut self, sample: Duration) {
        self.rtt = if self.rtt.is_zero() { sample } else { (self.rtt * 7 + sample) / 8 };
    }

    fn due(&self, id: CarrierId) -> Option<(Instant, Due)> {
        let state = self.carriers.get(&id)?;
        let timings = &self.settings.timings;
        let silent = |code| Due::Retire(code);
        match (self.settings.role, state.phase) {
            (_, Phase::Closing) => None,
            (Role::Gateway, Phase::Resuming) => {
                Some((state.heard + timings.candidate, silent(Code::ERR_ATTACH_TIMEOUT)))
            }
            (Role::Page, Phase::Hello | Phase::Resuming) => {
                Some((state.heard + timings.attempt, silent(Code::ERR_ATTACH_TIMEOUT)))
            }
            (Role::Gateway, _) => {
                let unanswered = state.ping.map(|(_, sent)| sent + timings.silent);
                let end = unanswered
                    .map_or(state.heard + timings.silent, |at| at.min(state.heard + timings.silent));
                let ping = (state.pinged_at + timings.ping, Due::Ping);
                if state.ping.is_none() && ping.0 < end {
                    Some(ping)
                } else {
                    Some((end, silent(Code::ERR_CARRIER_SILENT)))
                }
            }
            (Role::Page, _) => match state.ping {
                Some((_, sent)) if sent >= state.heard => {
                    Some((sent + timings.probe, silent(Code::ERR_CARRIER_SILENT)))
                }
                _ => Some((state.heard + timings.page_silent, Due::Ping)),
            },
        }
    }

    fn sweep_at(&self) -> Option<Instant> {
        self.acks.sweep_at.filter(|_| self.active.is_some())
    }

    fn lease_at(&self) -> Option<Instant> {
        let parked = self.parked_at.filter(|_| self.settings.role == Role::Gateway);
        let Settings { lease, timings, .. } = &self.settings;
        parked.map(|at| at + if self.has_left { timings.leave.min(*lease) } else { *lease })
    }

    fn confirm_at(&self) -> Option<Instant> {
        let waiting = self.settings.role == Role::Gateway && !self.confirmed;
        waiting.then(|| self.born_at + self.settings.timings.confirm)
    }
}

enum Due {
    Ping,
    Retire(Code),
}
