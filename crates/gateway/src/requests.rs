//! Streams that a page opens: what it asks of the gateway. So far: to listen.

use std::sync::Arc;

use pageport_link::Stream;
use pageport_proto::Code;
use pageport_proto::head::{Listening, Refusal, Reply, Request};

use crate::listeners::Claim;
use crate::sessions::Entry;
use crate::shared::Shared;

/// Serves one request until its stream is over.
pub(crate) async fn serve(shared: Arc<Shared>, entry: Arc<Entry>, stream: Stream) {
    match Request::parse(stream.head()) {
        Ok(Request::Listen(_)) => listen(&shared, &entry, stream).await,
        Err(Code::ERR_UNSUPPORTED) => refuse(&shared, stream, Code::ERR_UNSUPPORTED),
        Err(code) => end(stream, code),
    }
}

/// The stream is the listener: it lives as long as both sides leave it open.
async fn listen(shared: &Arc<Shared>, entry: &Arc<Entry>, mut stream: Stream) {
    if !entry.caller.may_listen() {
        return refuse(shared, stream, Code::ERR_CREDENTIAL_INVALID);
    }
    let claim = match Claim::random(shared, entry) {
        Ok(claim) => claim,
        Err(code) => return refuse(shared, stream, code),
    };
    let listening = Listening {
        name: claim.name.to_string(),
        url: format!("{}/", shared.address.listener(&claim.name)),
        path_url: shared.address.listener_by_path(&claim.name),
    };
    if stream.respond(&Reply::Ok(listening)).is_err() {
        return;
    }
    tracing::info!(session = %entry.id, name = %claim.name, "listening");
    let ended = tokio::select! {
        ended = stream.read_chunk() => ended,
        // A listener has no end of its own: the drain would wait for it in vain.
        () = shared.lifetime.draining() => return end(stream, Code::ERR_GOING_AWAY),
    };
    match ended {
        Ok(None) => stream.finish(),
        Ok(Some(_)) => end(stream, Code::ERR_UNEXPECTED_DATA),
        Err(_) => {}
    }
    tracing::info!(session = %entry.id, name = %claim.name, "no longer listening");
}

/// An answer that says why not; the stream then ends in order.
fn refuse(shared: &Shared, mut stream: Stream, code: Code) {
    shared.metrics.refused(code);
    // A stream that is gone needs no answer.
    let _ = stream.respond(&Reply::<Listening>::Refused(Refusal::new(code, "")));
    stream.finish();
    stream.stop(code);
}

fn end(mut stream: Stream, code: Code) {
    stream.reset(code);
    stream.stop(code);
}
