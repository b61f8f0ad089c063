//! How long a quiet connection lives: visits a listener of its own, says nothing for a while, and looks whether anybody is there still.
//!
//! Carriers are never quiet, so this says nothing of them; it is for applications whose visitors are.

use std::time::Duration;

use pageport_link::head::{Accepted, Headers, Kind, Listen, Refusal};
use pageport_link::{Address, Connection, Connector, HALVES, Listener, Messages, Visitor};
use pageport_proto::Code;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// For a byte that goes there and back.
const ANSWER: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idle {
    /// The longest quiet that connections survived, and when one was found gone, if any was.
    Lives { survived: Duration, gone: Option<Duration> },
    /// There was no way to find out.
    Unknown(Code),
}

/// Several connections, each quiet for a time of its own: doubling, up to the longest.
pub(super) async fn measure(connector: &Connector, longest: Duration) -> Idle {
    let listening = Listener::start(connector.clone(), Listen::new(Kind::WebSocket)).await;
    let mut listener = match listening {
        Ok(listener) => listener,
        Err(error) => return Idle::Unknown(error.code()),
    };
    let Address::Name(place) = listener.address() else { return Idle::Unknown(Code::ERR_INTERNAL) };
    let mut quiet = JoinSet::new();
    for time in times(longest) {
        let (connector, name) = (connector.clone(), place.name.clone());
        quiet.spawn(async move { (time, survive(&connector, &name, time).await) });
    }
    let answering = async {
        let mut visitors = JoinSet::new();
        while let Some(visitor) = listener.accept().await {
            visitors.spawn(echo(visitor));
        }
    };
    let judging = async {
        let (mut survived, mut gone) = (Duration::ZERO, None::<Duration>);
        while let Some(result) = quiet.join_next().await {
            match result {
                Ok((time, Ok(()))) => survived = survived.max(time),
                Ok((_, Err(Some(after)))) => gone = Some(gone.map_or(after, |gone| gone.min(after))),
                Ok((_, Err(None))) => return Idle::Unknown(Code::ERR_GATEWAY_UNREACHABLE),
                Err(_) => return Idle::Unknown(Code::ERR_INTERNAL),
            }
        }
        Idle::Lives { survived, gone }
    };
    tokio::select! {
        idle = judging => idle,
        () = answering => Idle::Unknown(Code::ERR_SESSION_LOST),
    }
}

/// 1 s, 2 s, 4 s and so on, and the longest.
fn times(longest: Duration) -> Vec<Duration> {
    let mut times: Vec<_> = std::iter::successors(Some(Duration::from_secs(1)), |time| Some(*time * 2))
        .take_while(|time| *time < longest)
        .collect();
    times.push(longest);
    times
}

/// Whether a connection lives after so much quiet; `Err` says after what time it was found gone, or that it never was there.
async fn survive(connector: &Connector, name: &str, quiet: Duration) -> Result<(), Option<Duration>> {
    let mut connection = connector.visit(name).await.map_err(|_| None)?;
    round(&mut connection).await.map_err(|()| None)?;
    let begin = Instant::now();
    let mut byte = [0];
    if timeout(quiet, connection.read(&mut byte)).await.is_ok() {
        // Nobody says anything, so this is an end.
        return Err(Some(begin.elapsed()));
    }
    round(&mut connection).await.map_err(|()| Some(quiet))
}

async fn round(connection: &mut Connection) -> Result<(), ()> {
    let there_and_back = async {
        connection.write_all(b"?").await?;
        connection.flush().await?;
        connection.read_exact(&mut [0]).await
    };
    match timeout(ANSWER, there_and_back).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

async fn echo(visitor: Visitor) {
    let mut headers = Headers::default();
    if headers.push("sec-websocket-protocol", HALVES).is_err() {
        return visitor.refuse(Refusal::new(Code::ERR_INTERNAL, ""));
    }
    let Ok(stream) = visitor.respond(Accepted { status: 101, headers }) else { return };
    let mut messages = Messages::server(stream, true);
    let mut byte = [0];
    while let Ok(1) = messages.read(&mut byte).await {
        if messages.write_all(&byte).await.is_err() || messages.flush().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_double_up_to_the_longest() {
        let seconds =
            |longest| times(Duration::from_secs(longest)).iter().map(Duration::as_secs).collect::<Vec<_>>();
        assert_eq!(seconds(1), [1]);
        assert_eq!(seconds(8), [1, 2, 4, 8]);
        assert_eq!(seconds(10), [1, 2, 4, 8, 10]);
    }
}
