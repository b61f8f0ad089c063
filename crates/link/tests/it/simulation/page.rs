//! A page of a simulation: attaches, does what its plan says on each stream, and tells how each ended.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pageport_link::{Connector, Io, OpenError, Session, Settings, StreamError, Timings};
use pageport_proto::{Code, Role};
use pageport_testkit::{Pattern, Tally};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use turmoil::net::TcpStream;

use super::plan::{PagePlan, Work};
use super::tamper::{Fault, Tampered};
use super::world::{GATEWAY, PORT};
use crate::support::{Exchange, Failure, Task, exchange};

/// Longer than all faults of a plan and everything that the protocol waits for: what takes longer hangs.
const HANG: Duration = Duration::from_secs(600);
/// How long a stream may be known after both ends are through with it, on a network that has no faults any more.
const FORGET: Duration = Duration::from_secs(300);

/// What became of one stream.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// As planned, with so many bytes checked.
    Complete(u64),
    /// Its session ended, for this reason.
    Failed(Code),
    /// Anything else: a fault.
    Wrong(String),
}

/// What the pages of a simulation tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(String, Duration, Outcome)>>>);

impl Log {
    fn tell(&self, who: String, outcome: Outcome) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        self.0.lock().unwrap().push((who, at, outcome));
    }

    pub(crate) fn take(&self) -> Vec<(String, Duration, Outcome)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// One page of the plan.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) plan: PagePlan,
    pub(crate) timings: Timings,
    pub(crate) seed: u64,
    pub(crate) fault: Option<Fault>,
    pub(crate) log: Log,
}

impl Page {
    /// Until all its streams have ended and are forgotten.
    pub(crate) async fn run(self) -> turmoil::Result {
        let start = Instant::now();
        let mut streams = self.plan.streams.clone();
        streams.sort_by_key(|(at, _)| *at);
        let mut session = self.connect().await?;
        let mut running = JoinSet::new();
        for (number, (at, work)) in streams.into_iter().enumerate() {
            sleep_until(start + at).await;
            if session.stats().carrier.is_none()
                && matches!(session.state(), pageport_link::SessionState::Closed(_))
            {
                session = self.connect().await?;
            }
            let (log, who, session) = (self.log.clone(), format!("{}/{number}", self.name), session.clone());
            running.spawn(async move {
                let outcome = match timeout(HANG, perform(&session, work)).await {
                    Ok(outcome) => outcome,
                    Err(_) => {
                        Outcome::Wrong(format!("hangs: {work:?} {:?} {:?}", session.state(), session.stats()))
                    }
                };
                log.tell(who, outcome);
            });
        }
        while let Some(ended) = running.join_next().await {
            ended?;
        }
        let forgotten = timeout(FORGET, async {
            while session.stats().streams > 0 {
                sleep(Duration::from_millis(50)).await;
            }
        });
        if forgotten.await.is_err() {
            let left = format!("left behind: {:?} {:?}", session.state(), session.stats());
            self.log.tell(self.name.clone(), Outcome::Wrong(left));
        }
        // Its attaches are told by the gateway; the page says good-bye, so that nothing of it should be left there.
        session.close(Code::NO_ERROR, "");
        let _ = timeout(HANG, session.finished()).await;
        Ok(())
    }

    /// As a program does it whose gateway is away: again and again.
    async fn connect(&self) -> io::Result<Session> {
        let begun = Instant::now();
        loop {
            match self.connector().connect().await {
                Ok(session) => return Ok(session),
                Err(error) if begun.elapsed() > HANG => return Err(io::Error::other(error)),
                Err(_) => sleep(Duration::from_millis(500)).await,
            }
        }
    }

    fn connector(&self) -> Connector {
        let settings = Settings { timings: self.timings.clone(), ..Settings::new(Role::Page) };
        let fault = self.fault;
        let gateway = format!("http://{GATEWAY}:{PORT}");
        Connector::new(&gateway)
            .unwrap()
            .carriers(&[self.plan.kind])
            .settings(settings)
            .seed(self.seed)
            .dial_by(move || async move {
                let stream = TcpStream::connect((GATEWAY, PORT)).await?;
                Ok(match fault {
                    None => Box::new(stream) as Box<dyn Io>,
                    Some(fault) => Box::new(Tampered::new(stream, fault)),
                })
            })
    }
}

async fn perform(session: &Session, work: Work) -> Outcome {
    match work {
        Work::Ask(Task::Exchange(what)) => told(exchange(session, what).await.map(|_| what.up + what.down)),
        Work::Ask(task) => told(ask(session, task).await),
        Work::GiveUp(what, after) => told(give_up(session, what, after).await),
    }
}

fn told(result: Result<u64, Failure>) -> Outcome {
    match result {
        Ok(bytes) => Outcome::Complete(bytes),
        Err(Failure::Stream(StreamError::SessionClosed(code))) => Outcome::Failed(code),
        Err(Failure::Open(OpenError::Closed(code))) => Outcome::Failed(code),
        Err(failure) => Outcome::Wrong(failure.to_string()),
    }
}

/// A stream that the gateway's end does not let come to its end; so many bytes were checked.
async fn ask(session: &Session, task: Task) -> Result<u64, Failure> {
    let mut stream = session.open(&task)?;
    let reply = stream.reply().await;
    match task {
        Task::Silent => return expect(reply.map(drop), StreamError::NoReply).map(|()| 0),
        Task::Drop => {
            return match reply {
                Err(StreamError::Reset(code)) if code.name().is_some() => Ok(0),
                other => expect(other.map(drop), StreamError::Reset(Code::NO_ERROR)).map(|()| 0),
            };
        }
        // What had not been received when the reset was said may be missing, also the reply.
        Task::Reset { code, .. } if reply == Err(StreamError::Reset(Code::from_number(code))) => {
            return Ok(0);
        }
        _ => reply?,
    };
    match task {
        Task::Reset { bytes, code } => {
            let mut came = 0;
            loop {
                match stream.read_chunk().await {
                    Ok(Some(chunk)) => came += chunk.len() as u64,
                    Err(StreamError::Reset(got))
                        if got == Code::from_number(code) && came <= bytes as u64 =>
                    {
                        return Ok(came);
                    }
                    other => {
                        return expect(other.map(drop), StreamError::Reset(Code::from_number(code)))
                            .map(|()| 0);
                    }
                }
            }
        }
        Task::Stop { bytes, code } => {
            let piece = Bytes::from(vec![7; 10_000]);
            let mut sent = 0;
            loop {
                match stream.write_chunk(piece.clone()).await {
                    Ok(()) => sent += piece.len() as u64,
                    // A part of this piece may have left as well.
                    Err(StreamError::Stopped(got))
                        if got == Code::from_number(code) && sent + piece.len() as u64 >= bytes as u64 =>
                    {
                        return Ok(sent);
                    }
                    other => return expect(other, StreamError::Stopped(Code::from_number(code))).map(|()| 0),
                }
            }
        }
        other => Err(Failure::Unexpected(format!("{other:?} is not asked for here"))),
    }
}

/// An exchange that the page resets and stops when `after` bytes have come.
async fn give_up(session: &Session, what: Exchange, after: u64) -> Result<u64, Failure> {
    let mut stream = session.open(&Task::Exchange(what))?;
    stream.reply().await?;
    let mut tally = Tally::new(Pattern::new(!what.seed));
    while tally.len() < after {
        match stream.read_chunk().await? {
            Some(chunk) => tally.push(&chunk)?,
            None => return Err(Failure::Length { want: after, got: tally.len() }),
        }
    }
    stream.stop(Code::from_number(0x1_0001));
    stream.reset(Code::from_number(0x1_0002));
    Ok(tally.len())
}

fn expect(got: Result<(), StreamError>, want: StreamError) -> Result<(), Failure> {
    match got {
        Err(error) if error == want => Ok(()),
        Err(error @ StreamError::SessionClosed(_)) => Err(error.into()),
        got => Err(Failure::Unexpected(format!("{got:?}, not {want:?}"))),
    }
}
