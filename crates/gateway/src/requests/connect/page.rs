//! To another page: a stream of its session, joined with the caller's. One hop; nothing of it is a socket.

use std::sync::Arc;

use pageport_link::Stream;
use pageport_link::relay::{self, Lost};
use pageport_proto::Code;
use pageport_proto::head::{
    Accepted, Headers, HttpVisit, PageVisit, Protocols, Ready, Refusal, Reply, Visit,
};
use pageport_proto::name::Name;
use pageport_proto::target::Path;
use tokio::time::timeout;

use crate::held::{Held, no_reply};
use crate::listeners::Found;
use crate::presence::{open_code, present};
use crate::reach::refusal;
use crate::relay::Open;
use crate::requests::asked::Asked;
use crate::sessions::Entry;
use crate::shared::Shared;

/// What a caller wants of another page.
pub(super) struct Wish {
    pub(super) name: Name,
    pub(super) path: Path,
    /// `None`: nothing but bytes. Otherwise a WebSocket, with these on offer.
    pub(super) handshake: Option<Protocols>,
}

/// What the other page said, in the form in which the caller gets it.
enum Answer {
    Page(Reply<Ready>),
    Socket(Reply<Accepted>),
}

/// Asks the page, answers the caller, and relays to the end.
pub(super) async fn connect(shared: &Arc<Shared>, entry: &Arc<Entry>, wish: Wish, mut asked: Asked) {
    let (name, kind) = (&wish.name, if wish.handshake.is_some() { "websocket" } else { "page" });
    let answered = tokio::select! {
        answered = ask(shared, entry, &wish) => answered,
        _ = asked.given_up() => Err(Refusal::new(Code::ERR_ABORTED, "")),
    };
    let (theirs, answer) = match answered {
        Ok(answered) => answered,
        Err(refusal) => {
            let code = Code::from_name(&refusal.error).unwrap_or(Code::ERR_REJECTED);
            shared.metrics.connected(kind, Some(code));
            tracing::debug!(session = %entry.id, %name, kind, %code, "not connected");
            return asked.refuse(shared, refusal);
        }
    };
    let ours = match answer {
        Answer::Page(reply) => asked.accept(&reply),
        Answer::Socket(reply) => asked.accept(&reply),
    };
    // Dropping the other stream tells its page.
    let Some(ours) = ours else { return };
    shared.metrics.connected(kind, None);
    tracing::debug!(session = %entry.id, %name, kind, "connected");
    let _open = Open::new(&shared.metrics.connects_open);
    let lost = Lost { first: Code::ERR_TARGET_UNREACHABLE, second: Code::ERR_VISITOR_GONE };
    let count = |bytes| shared.metrics.connect_pages.increment(bytes);
    relay::streams(ours, theirs.into_split(), lost, count).await;
}

/// Opens a stream to the page and waits for its answer, which is an accepting one.
async fn ask(shared: &Shared, entry: &Entry, wish: &Wish) -> Result<(Stream, Answer), Refusal> {
    let found = shared.listeners.find(&wish.name).filter(|found| takes(found, wish));
    let found = found.ok_or_else(|| refusal(Code::ERR_LISTENER_UNKNOWN))?;
    found.entry.visit().map_err(refusal)?;
    let head = head(shared, entry, wish).map_err(refusal)?;
    present(shared, &found.entry).await.map_err(refusal)?;
    let mut held = Held::new(found.entry.session.open(&head).map_err(|error| refusal(open_code(error)))?);
    let wait = shared.policy.load().limits.accept_timeout;
    let reply = match timeout(wait, held.stream().map_err(refusal)?.reply()).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => return Err(refusal(held.end(no_reply(error)))),
        Err(_) => return Err(refusal(held.end(Code::ERR_ACCEPT_TIMEOUT))),
    };
    let answer = match wish.handshake {
        None => Reply::parse(&reply).map(Answer::Page),
        Some(_) => Reply::parse(&reply).map(Answer::Socket),
    };
    match answer {
        Ok(Answer::Page(Reply::Refused(refusal)) | Answer::Socket(Reply::Refused(refusal))) => {
            held.end(Code::ERR_REJECTED);
            Err(passed_on(refusal))
        }
        Ok(Answer::Socket(Reply::Ok(accepted))) => match completed(&accepted, wish.handshake.as_ref()) {
            Ok(accepted) => Ok((taken(held)?, Answer::Socket(Reply::Ok(accepted)))),
            Err(refusal) => {
                held.end(Code::ERR_BAD_REPLY);
                Err(refusal)
            }
        },
        Ok(answer) => Ok((taken(held)?, answer)),
        Err(_) => Err(refusal(held.end(Code::ERR_BAD_REPLY))),
    }
}

fn taken(mut held: Held) -> Result<Stream, Refusal> {
    held.take().ok_or_else(|| refusal(Code::ERR_INTERNAL))
}

/// Whether there is a listener of the kind: as for visitors, one for requests takes handshakes too.
fn takes(found: &Found, wish: &Wish) -> bool {
    match wish.handshake {
        None => found.page,
        Some(_) => found.websocket || found.http,
    }
}

/// What the listening page is told.
fn head(shared: &Shared, entry: &Entry, Wish { name, path, handshake }: &Wish) -> Result<Visit, Code> {
    let mut headers = Headers::default();
    let mut push = |name, value: &str| headers.push(name, value).map_err(|_| Code::ERR_HEADER_INVALID);
    if let Some(origin) = entry.caller.origin() {
        push("origin", origin.as_str())?;
    }
    if let Some(offered) = handshake.as_ref().and_then(Protocols::field) {
        push("sec-websocket-protocol", &offered)?;
    }
    let (listener, peer) = (name.to_string(), shared.peers.id_of_session(name, &entry.id));
    Ok(if handshake.is_some() {
        let url = format!("{}{}", shared.address.listener(name), path.as_str());
        Visit::WebSocket(HttpVisit { listener, method: "GET".to_owned(), url, headers, peer })
    } else {
        let url = format!("page:{name}{}", path.as_str());
        Visit::Page(PageVisit { listener, url, headers, peer })
    })
}

/// Of an accepting answer the caller gets the subprotocol, and nothing else.
fn completed(accepted: &Accepted, offered: Option<&Protocols>) -> Result<Accepted, Refusal> {
    if accepted.status != 101 {
        let status = Some(accepted.status).filter(|status| (400..=599).contains(status));
        return Err(Refusal { status, ..refusal(Code::ERR_REJECTED) });
    }
    let mut named = accepted.headers.iter().filter(|(name, _)| *name == "sec-websocket-protocol");
    let mut headers = Headers::default();
    match (named.next(), named.next()) {
        (None, _) => {}
        (Some((name, chosen)), None) if offered.is_some_and(|offered| offered.offer(chosen)) => {
            headers.push(name, chosen).map_err(|_| refusal(Code::ERR_BAD_REPLY))?;
        }
        _ => return Err(refusal(Code::ERR_BAD_REPLY)),
    }
    Ok(Accepted { status: 101, headers })
}

/// Of the page's refusal, what says more than "refused".
fn passed_on(refused: Refusal) -> Refusal {
    let code = match Code::from_name(&refused.error) {
        Some(code @ (Code::ERR_TARGET_UNREACHABLE | Code::ERR_INTERNAL)) => code,
        _ => Code::ERR_REJECTED,
    };
    Refusal { error: code.to_string(), ..refused }
}
