//! A TCP connection: waits for its page's answer, and what it sends meanwhile waits in its own kernel. Whatever goes wrong before
//! the answer is a reset, never an end that looks like one.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use pageport_link::{Stream, StreamError};
use pageport_proto::Code;
use pageport_proto::head::{Ready, Reply, TcpVisit, Visit};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::accept::{Counted, Listener};
use crate::lifetime::Slot;
use crate::presence::{open_code, present};
use crate::relay;

/// Serves one connection to its end.
pub(super) async fn serve(
    listener: Arc<Listener>,
    socket: TcpStream,
    peer: SocketAddr,
    _counted: Counted,
    waiting: Slot,
) {
    let shared = &listener.shared;
    let admitted = tokio::select! {
        present = present(&listener.shared, &listener.entry) => match present {
            Ok(()) if listener.is_over() => Err(Code::ERR_LISTENER_UNKNOWN),
            Ok(()) => admit(&listener, &socket, peer).await,
            Err(code) => Err(code),
        },
        () = relay::broken(&socket) => Err(Code::ERR_VISITOR_GONE),
    };
    drop(waiting);
    match admitted {
        Ok(stream) => {
            shared.metrics.visitors.increment(1);
            relay::run(socket, Bytes::new(), stream, &shared.metrics).await;
        }
        Err(code) => {
            shared.metrics.refused(code);
            tracing::debug!(%code, %peer, listener = %listener.name, "connection refused");
            relay::tear(&socket);
        }
    }
}

/// Waits for the page's answer, or for the visitor to break off.
async fn admit(listener: &Listener, socket: &TcpStream, peer: SocketAddr) -> Result<Stream, Code> {
    let visit = Visit::Tcp(TcpVisit {
        listener: listener.name.clone(),
        peer: listener.shared.peers.id(&listener.name, peer.ip()),
    });
    let mut stream = listener.entry.session.open(&visit).map_err(open_code)?;
    let wait = listener.shared.policy.load().limits.accept_timeout;
    let reply = tokio::select! {
        reply = timeout(wait, stream.reply()) => match reply {
            Ok(Ok(reply)) => Reply::<Ready>::parse(&reply).map_err(|_| Code::ERR_BAD_REPLY),
            Ok(Err(StreamError::SessionClosed(_))) => Err(Code::ERR_LISTENER_AWAY),
            Ok(Err(_)) => Err(Code::ERR_BAD_REPLY),
            Err(_) => Err(Code::ERR_ACCEPT_TIMEOUT),
        },
        () = relay::broken(socket) => Err(Code::ERR_VISITOR_GONE),
    };
    let code = match reply {
        Ok(Reply::Ok(Ready {})) => return Ok(stream),
        Ok(Reply::Refused(_)) => Code::ERR_REJECTED,
        Err(code) => code,
    };
    stream.reset(code);
    stream.stop(code);
    Err(code)
}
