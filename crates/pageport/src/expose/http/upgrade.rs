//! A visitor's WebSocket, passed through to a service that speaks it: two handshakes, then bytes.

use std::io;

use ::http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use ::http::{HeaderMap, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use pageport_link::head::{Accepted, Headers, HttpVisit, Refusal, Reply};
use pageport_link::{ReadHalf, WriteHalf, websocket_accept};
use pageport_proto::Code;
use tokio::net::TcpStream;

use super::request::Framing;
use super::{Outcome, Proxy, Upload, answer, refused, unreachable};
use crate::expose::pipe::Traffic;
use crate::expose::tcp;

impl Proxy {
    pub(super) async fn upgrade(
        &self,
        visit: &HttpVisit,
        read: ReadHalf,
        write: WriteHalf,
        traffic: &Traffic,
    ) -> Outcome {
        let (key, request) = match self.handshake(visit) {
            Ok(handshake) => handshake,
            Err(error) => return refused(write, Refusal::new(Code::ERR_INTERNAL, ""), error),
        };
        let (response, write) = match self.ask(request, write).await {
            Ok(answered) => answered,
            Err(outcome) => return outcome,
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return answer::send(&self.site, response, visit, write, traffic).await;
        }
        if !switches(response.headers(), &key) {
            return refused(write, unreachable(), io::Error::other("the service's handshake is wrong"));
        }
        Outcome { status: Some(101), result: passed_through(response, read, write, traffic).await }
    }

    fn handshake(&self, visit: &HttpVisit) -> io::Result<(String, ::http::Request<Upload>)> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(io::Error::other)?;
        let key = STANDARD.encode(nonce);
        let mut request = self.site.request(visit, Framing::Nothing)?;
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_str(&key).map_err(io::Error::other)?);
        Ok((key, request.map(|()| Upload::Nothing)))
    }
}

/// RFC 6455 §4.1, of the answer.
fn switches(headers: &HeaderMap, key: &str) -> bool {
    headers
        .get(SEC_WEBSOCKET_ACCEPT)
        .is_some_and(|accept| accept.as_bytes() == websocket_accept(key).as_bytes())
}

async fn passed_through(
    response: Response<Incoming>,
    read: ReadHalf,
    mut write: WriteHalf,
    traffic: &Traffic,
) -> io::Result<()> {
    let mut headers = Headers::default();
    if let Some(protocol) = response.headers().get(SEC_WEBSOCKET_PROTOCOL) {
        headers.push_bytes("sec-websocket-protocol", protocol.as_bytes()).map_err(io::Error::other)?;
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(io::Error::other)?;
    let parts = upgraded.downcast::<TokioIo<TcpStream>>();
    let parts = parts.map_err(|_| io::Error::other("not a bare connection"))?;
    write.respond(&Reply::Ok(Accepted { status: 101, headers }))?;
    tcp::relay(parts.io.into_inner(), parts.read_buf, (read, write), traffic).await
}
