//! `/link/up` and `/link/down` by hyper, for the gateway of the tests: as little as a front can do.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Empty};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use pageport_link::{Budget, Carrier, Cut, Download, HttpLimits, HttpLine};
use pageport_proto::Code;
use pageport_proto::numbered::{Down, Id, Up};
use tokio::io::{AsyncRead, AsyncWrite};

/// Carriers over requests, by id.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<Id, HttpLine>>);

/// What a request needs of its gateway.
pub(super) struct Front<A> {
    pub(super) lines: Arc<Lines>,
    pub(super) limits: HttpLimits,
    pub(super) budget: Budget,
    pub(super) credential: Option<&'static str>,
    /// Takes a carrier that begins.
    pub(super) arrive: A,
}

type Answer = Response<Either<Answering, Empty<Bytes>>>;

/// An answer to `/link/down` as hyper takes it.
pub(super) struct Answering(Download);

impl Body for Answering {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.0.poll_next(cx).map(|next| next.map(|bytes| bytes.map(Frame::data)))
    }
}

/// Serves a connection until it ends.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, front: Front<impl Fn(Carrier)>) {
    let service = service_fn(|request| async {
        let answer = answer(request, &front).await.unwrap_or_else(refusal);
        Ok::<_, Infallible>(answer)
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, front: &Front<impl Fn(Carrier)>) -> Result<Answer, Code> {
    let bearer = front.credential.map(|token| format!("Bearer {token}"));
    let shown = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if bearer.as_deref().is_some_and(|bearer| shown != Some(bearer)) {
        return Err(Code::ERR_CREDENTIAL_INVALID);
    }
    let up = request.uri().path() == "/link/up";
    let body = request.into_body().collect().await.map_err(|_| Code::ERR_CARRIER_REQUEST)?.to_bytes();
    if up {
        let (up, message) = Up::parse_whole(&body)?;
        if let Some(mut upload) = line(front, &up.id, up.seq == 0)?.upload(up.seq)? {
            upload.push(message)?;
            upload.finish().await?;
        }
        let mut answer = Response::new(Either::Right(Empty::new()));
        *answer.status_mut() = StatusCode::NO_CONTENT;
        return Ok(answer);
    }
    let down = Down::parse(&body)?;
    let download = line(front, &down.id, down.ack == 0)?.download(down.ack, down.mode)?;
    Ok(Response::new(Either::Left(Answering(download))))
}

fn line(front: &Front<impl Fn(Carrier)>, id: &Id, first: bool) -> Result<HttpLine, Code> {
    let mut lines = front.lines.0.lock().unwrap();
    match lines.get(id) {
        Some(line) => Ok(line.clone()),
        None if !first => Err(Code::ERR_CARRIER_UNKNOWN),
        None => {
            let (carrier, line) = Carrier::http_server(front.limits.clone(), front.budget.clone());
            lines.insert(id.clone(), line.clone());
            drop(lines);
            (front.arrive)(carrier);
            let (over, lines, id) = (line.clone(), Arc::clone(&front.lines), id.clone());
            tokio::spawn(async move {
                over.forgotten().await;
                lines.0.lock().unwrap().remove(&id);
            });
            Ok(line)
        }
    }
}

fn refusal(code: Code) -> Answer {
    let mut answer = Response::new(Either::Right(Empty::new()));
    *answer.status_mut() = match code {
        Code::ERR_CREDENTIAL_INVALID => StatusCode::UNAUTHORIZED,
        Code::ERR_CARRIER_UNKNOWN => StatusCode::NOT_FOUND,
        _ => StatusCode::CONFLICT,
    };
    answer.headers_mut().insert("pageport-error", code.name().unwrap().parse().unwrap());
    answer
}
