//! One simulation: hosts, a network, and the events of a plan; and what is to be true at its end.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pageport_link::{Session, SessionState, Settings};
use pageport_proto::{Code, Role};
use turmoil::net::TcpListener;
use turmoil::{Builder, Sim};

use super::page::{Log, Outcome, Page};
use super::plan::{Event, Plan, Way};
use super::tamper::Fault;
use crate::support::Door;

pub(crate) const GATEWAY: &str = "gateway";
pub(crate) const PORT: u16 = 7070;
/// The longest that a simulation takes, in its own time.
const LONGEST: Duration = Duration::from_secs(2_000);
/// How finely time passes.
const TICK: Duration = Duration::from_millis(5);

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) simulated: Duration,
    pub(crate) streams: usize,
    pub(crate) complete: usize,
    pub(crate) failed: usize,
    pub(crate) bytes: u64,
    pub(crate) attaches: u64,
    pub(crate) reboots: usize,
    pub(crate) partitions: usize,
    pub(crate) stalls: usize,
    pub(crate) lossy: usize,
    pub(crate) crashed: usize,
    pub(crate) codes: Vec<Code>,
    /// Everything that was told, with its time: the same for the same seed.
    pub(crate) trace: String,
}

impl Run {
    pub(crate) fn add(&mut self, other: &Run) {
        self.simulated += other.simulated;
        self.streams += other.streams;
        self.complete += other.complete;
        self.failed += other.failed;
        self.bytes += other.bytes;
        self.attaches += other.attaches;
        self.reboots += other.reboots;
        self.partitions += other.partitions;
        self.stalls += other.stalls;
        self.lossy += other.lossy;
        self.crashed += other.crashed;
    }
}

/// All sessions that gateways have had, of all their lives.
type Doors = Arc<Mutex<Vec<Door>>>;

/// Runs a plan to its end; the error says what was not as it should be.
pub(crate) fn run(plan: &Plan, fault: Option<Fault>) -> Result<Run, String> {
    let mut sim = Builder::new()
        .rng_seed(plan.seed)
        .tick_duration(TICK)
        .simulation_duration(LONGEST)
        .min_message_latency(plan.latency.0)
        .max_message_latency(plan.latency.1)
        .tcp_capacity(256)
        .build();
    let doors = Doors::default();
    let (at_gateway, settings) = (Arc::clone(&doors), settings(plan));
    sim.host(GATEWAY, move || serve(Arc::clone(&at_gateway), settings.clone()));
    let log = Log::default();
    for (number, page) in plan.pages.iter().enumerate() {
        let page = Page {
            name: name(number),
            plan: page.clone(),
            timings: plan.timings.clone(),
            seed: plan.seed ^ number as u64,
            fault,
            log: log.clone(),
        };
        if page.plan.crashes.is_some() {
            sim.host(page.name.clone(), move || page.clone().run());
        } else {
            sim.client(page.name.clone(), page.run());
        }
    }
    // Where every page crashes, somebody has to be waited for.
    let last = plan.pages.iter().filter_map(|page| page.crashes).max().unwrap_or_default();
    sim.client("clock", async move {
        tokio::time::sleep(last + Duration::from_secs(1)).await;
        Ok(())
    });
    let mut run = Run::default();
    pass_time(&mut sim, plan, &mut run)?;
    judge(&mut sim, plan, &log, &doors, run)
}

async fn serve(doors: Doors, settings: Settings) -> turmoil::Result {
    let door = Door::new(settings);
    doors.lock().unwrap().push(door.clone());
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(door.clone().serve(stream));
    }
}

/// Until every page that does not crash is through with its plan.
fn pass_time(sim: &mut Sim<'_>, plan: &Plan, run: &mut Run) -> Result<(), String> {
    let mut events = plan.events.iter().peekable();
    let mut ends: Vec<(Duration, Event)> = Vec::new();
    let mut crashing: Vec<(Duration, usize)> =
        plan.pages.iter().enumerate().filter_map(|(number, page)| Some((page.crashes?, number))).collect();
    loop {
        let now = sim.elapsed();
        while let Some((_, event)) = events.next_if(|(at, _)| *at <= now) {
            begin(sim, plan, *event, run);
            ends.push((now + event.silence(), *event));
        }
        for (_, event) in ends.extract_if(.., |(at, _)| *at <= now) {
            end(sim, plan, event);
        }
        for (_, page) in crashing.extract_if(.., |(at, _)| *at <= now) {
            run.crashed += 1;
            sim.partition(name(page), GATEWAY);
            sim.crash(name(page));
        }
        let is_over = sim.step().map_err(|error| error.to_string())?;
        // A gateway that is down will come back: who is left there is asked of its next life.
        let is_down = ends.iter().any(|(_, event)| matches!(event, Event::Reboot { .. }));
        if is_over && crashing.is_empty() && !is_down {
            run.simulated = sim.elapsed();
            return Ok(());
        }
    }
}

fn begin(sim: &mut Sim<'_>, plan: &Plan, event: Event, run: &mut Run) {
    match event {
        Event::Partition { page, way, .. } => {
            run.partitions += 1;
            match way {
                Way::Both => sim.partition(name(page), GATEWAY),
                Way::Up => sim.partition_oneway(name(page), GATEWAY),
                Way::Down => sim.partition_oneway(GATEWAY, name(page)),
            }
        }
        Event::Stall { page, .. } => {
            run.stalls += 1;
            sim.hold(name(page), GATEWAY);
        }
        Event::Loss { page, rate, .. } => {
            run.lossy += 1;
            sim.set_link_fail_rate(name(page), GATEWAY, rate);
        }
        Event::Reboot { heard, .. } => {
            run.reboots += 1;
            // Its connections end in an order that no seed decides, so that nobody may hear of that.
            let pages = 0..plan.pages.len();
            pages.clone().for_each(|page| sim.partition(name(page), GATEWAY));
            sim.crash(GATEWAY);
            if heard {
                pages.for_each(|page| sim.repair(name(page), GATEWAY));
            }
        }
    }
}

fn end(sim: &mut Sim<'_>, plan: &Plan, event: Event) {
    match event {
        Event::Partition { page, .. } => sim.repair(name(page), GATEWAY),
        Event::Stall { page, .. } => sim.release(name(page), GATEWAY),
        Event::Loss { page, .. } => sim.set_link_fail_rate(name(page), GATEWAY, 0.0),
        Event::Reboot { heard, .. } => {
            sim.bounce(GATEWAY);
            if !heard {
                (0..plan.pages.len()).for_each(|page| sim.repair(name(page), GATEWAY));
            }
        }
    }
}

fn judge(sim: &mut Sim<'_>, plan: &Plan, log: &Log, doors: &Doors, mut run: Run) -> Result<Run, String> {
    let crashed: BTreeSet<String> = plan
        .pages
        .iter()
        .enumerate()
        .filter(|(_, page)| page.crashes.is_some())
        .map(|(number, _)| name(number))
        .collect();
    let told = log.take();
    run.trace = told.iter().map(|(who, at, outcome)| format!("{who} {at:?} {outcome:?}\n")).collect();
    for (who, at, outcome) in told {
        let fault = |what: String| Err(format!("{who} at {at:?}: {what}"));
        run.streams += usize::from(who.contains('/'));
        match outcome {
            Outcome::Complete(bytes) => {
                run.complete += 1;
                run.bytes += bytes;
            }
            Outcome::Failed(code) if code.name().is_none() => {
                return fault(format!("{code} is not documented"));
            }
            Outcome::Failed(code) if !plan.may_fail() => {
                return fault(format!("failed without a reason: {code}"));
            }
            Outcome::Failed(code) => {
                run.failed += 1;
                run.codes.push(code);
            }
            Outcome::Wrong(what) => return fault(what),
        }
    }
    let expected: usize = plan
        .pages
        .iter()
        .enumerate()
        .filter(|(number, _)| !crashed.contains(&name(*number)))
        .map(|(_, page)| page.streams.len())
        .sum();
    if run.streams < expected {
        return Err(format!("{} of {expected} streams have told their end", run.streams));
    }
    forgotten(sim, plan, doors)?;
    run.attaches = sessions(doors).iter().map(|session| session.stats().attaches).sum();
    run.simulated = sim.elapsed();
    Ok(run)
}

/// Pages that went in order leave nothing; those that crashed, nothing when their lease is over.
fn forgotten(sim: &mut Sim<'_>, plan: &Plan, doors: &Doors) -> Result<(), String> {
    let until = sim.elapsed() + plan.lease + Duration::from_secs(60);
    // A gateway that was killed took its sessions with it.
    let left = || {
        let doors = doors.lock().unwrap();
        let sessions = doors.last().map(Door::sessions).unwrap_or_default();
        sessions
            .into_iter()
            .filter(|session| !matches!(session.state(), SessionState::Closed(_)))
            .collect::<Vec<_>>()
    };
    while !left().is_empty() && sim.elapsed() < until {
        sim.step().map_err(|error| error.to_string())?;
    }
    match left().first() {
        None => Ok(()),
        Some(session) => {
            Err(format!("left behind at the gateway: {:?} {:?}", session.state(), session.stats()))
        }
    }
}

fn sessions(doors: &Doors) -> Vec<Session> {
    doors.lock().unwrap().iter().flat_map(Door::sessions).collect()
}

fn settings(plan: &Plan) -> Settings {
    Settings { timings: plan.timings.clone(), lease: plan.lease, ..Settings::new(Role::Gateway) }
}

fn name(page: usize) -> String {
    format!("page-{page}")
}
