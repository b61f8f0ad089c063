//! A reverse proxy: each visitor's request becomes one to the service, and its answer goes back as it comes.
//!
//! | module | what |
//! |---|---|
//! | `request`, `upload` | what the service gets |
//! | `answer` | what the visitor gets |
//! | `upgrade` | WebSockets |

mod answer;
mod request;
mod upgrade;
mod upload;

use std::io;
use std::sync::Arc;

use ::http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use pageport_link::head::{HttpVisit, Ready, Refusal, Reply, Visit};
use pageport_link::{Visitor, WriteHalf};
use pageport_proto::Code;

use super::pipe::Traffic;
use super::target::PATIENCE;
use super::{HostHeader, Target, unreachable};
use request::Site;
use upload::Upload;

/// Connections to the service that wait for the next request. Many services end them after 5 s; one that ends just when it is used
/// would cost a visitor its answer.
const IDLE: std::time::Duration = std::time::Duration::from_secs(2);

/// The service as its visitors' requests see it.
pub(crate) struct Proxy {
    client: Client<HttpConnector, Upload>,
    site: Site,
}

/// What became of a request.
pub(crate) struct Outcome {
    /// Of the answer, when there was one.
    pub(crate) status: Option<u16>,
    pub(crate) result: io::Result<()>,
}

impl From<io::Error> for Outcome {
    fn from(error: io::Error) -> Outcome {
        Outcome { status: None, result: Err(error) }
    }
}

impl Proxy {
    pub(crate) fn new(target: &Target, host: HostHeader) -> Proxy {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(PATIENCE));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .set_host(false)
            .build(connector);
        Proxy { client, site: Site::new(target, host) }
    }

    /// Serves one request, or one WebSocket, to its end.
    pub(crate) async fn serve(&self, visitor: Visitor, traffic: &Arc<Traffic>) -> Outcome {
        let (visit, upgrade) = match &visitor.visit {
            Visit::Http(visit) => (visit.clone(), false),
            Visit::WebSocket(visit) => (visit.clone(), true),
            Visit::Tcp(_) | Visit::Page(_) => {
                visitor.refuse(Refusal::new(Code::ERR_UNSUPPORTED, ""));
                return io::Error::other("a bare connection at an address for HTTP").into();
            }
        };
        let (read, write) = visitor.into_stream().into_split();
        if upgrade {
            self.upgrade(&visit, read, write, traffic).await
        } else {
            let (body, framing) = Upload::of(read, &visit, traffic).await;
            match self.site.request(&visit, framing) {
                Ok(head) => self.exchange(head.map(|()| body), &visit, write, traffic).await,
                Err(error) => refused(write, Refusal::new(Code::ERR_INTERNAL, ""), error),
            }
        }
    }

    async fn exchange(
        &self,
        request: ::http::Request<Upload>,
        visit: &HttpVisit,
        write: WriteHalf,
        traffic: &Traffic,
    ) -> Outcome {
        match self.ask(request, write).await {
            Ok((response, write)) => answer::send(&self.site, response, visit, write, traffic).await,
            Err(outcome) => outcome,
        }
    }

    /// The service's answer, unless the visitor leaves before.
    async fn ask(
        &self,
        request: ::http::Request<Upload>,
        mut write: WriteHalf,
    ) -> Result<(Response<Incoming>, WriteHalf), Outcome> {
        let asked = tokio::select! {
            asked = self.client.request(request) => asked,
            gone = write.stopped() => return Err(io::Error::from(gone).into()),
        };
        match asked {
            Ok(response) => Ok((response, write)),
            Err(error) => Err(refused(write, unreachable(), io::Error::other(error))),
        }
    }
}

/// An answer that says why there is none.
fn refused(mut write: WriteHalf, refusal: Refusal, error: io::Error) -> Outcome {
    let status = refusal.status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR.as_u16());
    // A visitor that is gone needs no answer.
    let _ = write.respond(&Reply::<Ready>::Refused(refusal));
    write.finish();
    Outcome { status: Some(status), result: Err(error) }
}
