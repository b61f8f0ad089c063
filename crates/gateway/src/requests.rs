//! Streams that a page opens: what it asks of the gateway. To listen (`by_name`, `by_port`), to be connected and to go on within TLS (`connect`),
//! to measure.

mod asked;
mod by_name;
mod by_port;
mod connect;
mod measure;

use std::sync::Arc;

use pageport_link::Stream;
use pageport_proto::Code;
use pageport_proto::head::{Listen, Refusal, Request};

use asked::Asked;
pub(crate) use connect::{Datagrams, Startable};

use crate::sessions::Entry;
use crate::shared::Shared;

/// Serves one request until its stream is over.
pub(crate) async fn serve(shared: Arc<Shared>, entry: Arc<Entry>, stream: Stream) {
    match Request::parse(stream.head()) {
        Ok(Request::Listen(wish)) => listen(&shared, &entry, wish, stream).await,
        Ok(Request::Connect(wish)) => connect::serve(&shared, &entry, wish, Asked::new(stream)).await,
        Ok(Request::StartTls(start)) => {
            connect::start_tls(&shared, &entry, start, Asked::new(stream)).await;
        }
        Ok(Request::Measure(what)) => measure::serve(&shared, &entry, what, Asked::new(stream)).await,
        Err(code @ (Code::ERR_UNSUPPORTED | Code::ERR_NAME_INVALID)) => refuse(&shared, stream, code),
        Err(code) => end(stream, code),
    }
}

async fn listen(shared: &Arc<Shared>, entry: &Arc<Entry>, wish: Listen, stream: Stream) {
    let allowed = match wish.port {
        None => entry.caller.may(wish.kind, None),
        Some(_) => entry.caller.may_port(wish.kind),
    };
    if !allowed {
        return refuse(shared, stream, Code::ERR_LISTEN_FORBIDDEN);
    }
    match wish.port {
        None => by_name::listen(shared, entry, wish, stream).await,
        Some(port) => by_port::listen(shared, entry, wish, port, stream).await,
    }
}

/// The stream is the listener: waits until either side ends it, or it is replaced by a newer session's.
async fn hold(shared: &Shared, mut stream: Stream, replaced: impl Future<Output = ()>) {
    let ended = tokio::select! {
        ended = stream.read_chunk() => ended,
        () = replaced => return end(stream, Code::ERR_NAME_REPLACED),
        // A listener has no end of its own: the drain would wait for it in vain.
        () = shared.lifetime.draining() => return end(stream, Code::ERR_GOING_AWAY),
    };
    match ended {
        Ok(None) => stream.finish(),
        Ok(Some(_)) => end(stream, Code::ERR_UNEXPECTED_DATA),
        Err(_) => {}
    }
}

/// An answer that says why not; the stream then ends in order.
fn refuse(shared: &Shared, stream: Stream, code: Code) {
    Asked::new(stream).refuse(shared, Refusal::new(code, ""));
}

fn end(mut stream: Stream, code: Code) {
    stream.reset(code);
    stream.stop(code);
}
