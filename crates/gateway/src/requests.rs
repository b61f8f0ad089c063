//! Streams that a page opens: what it asks of the gateway. So far: to listen.

mod by_name;
mod by_port;

use std::sync::Arc;

use pageport_link::Stream;
use pageport_proto::Code;
use pageport_proto::head::{Listen, Ready, Refusal, Reply, Request};

use crate::sessions::Entry;
use crate::shared::Shared;

/// Serves one request until its stream is over.
pub(crate) async fn serve(shared: Arc<Shared>, entry: Arc<Entry>, stream: Stream) {
    match Request::parse(stream.head()) {
        Ok(Request::Listen(wish)) => listen(&shared, &entry, wish, stream).await,
        Err(Code::ERR_UNSUPPORTED) => refuse(&shared, stream, Code::ERR_UNSUPPORTED),
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
fn refuse(shared: &Shared, mut stream: Stream, code: Code) {
    shared.metrics.refused(code);
    // A stream that is gone needs no answer.
    let _ = stream.respond(&Reply::<Ready>::Refused(Refusal::new(code, "")));
    stream.finish();
    stream.stop(code);
}

fn end(mut stream: Stream, code: Code) {
    stream.reset(code);
    stream.stop(code);
}
