//! A public port, or a listener for pages: each connection becomes one to the service.

use std::io;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use pageport_link::relay::{self, Broken, Moved};
use pageport_link::{ReadHalf, Visitor, WriteHalf};
use pageport_proto::Code;
use tokio::net::TcpStream;

use super::pipe::Traffic;
use super::{Target, unreachable};

/// Serves one connection to its end.
pub(crate) async fn serve(visitor: Visitor, target: &Target, traffic: &Traffic) -> io::Result<()> {
    let service = match target.connect().await {
        Ok(service) => service,
        Err(error) => {
            visitor.refuse(unreachable());
            return Err(error);
        }
    };
    relay(service, Bytes::new(), visitor.admit()?.into_split(), traffic).await
}

/// Joins the service and its visitor. What is cut short on one side does not look complete on the other.
pub(super) async fn relay(
    service: TcpStream,
    read_ahead: Bytes,
    visitor: (ReadHalf, WriteHalf),
    traffic: &Traffic,
) -> io::Result<()> {
    let count = |moved| {
        let (counter, bytes) = match moved {
            Moved::In(bytes) => (&traffic.sent, bytes),
            Moved::Out(bytes) => (&traffic.received, bytes),
        };
        counter.fetch_add(bytes, Ordering::Relaxed);
    };
    relay::run_split(service, read_ahead, visitor, Code::ERR_ABORTED, count).await.map_err(|broken| {
        match broken {
            Broken::Socket => io::Error::other("the service broke off"),
            Broken::Stream => io::Error::other("the visitor broke off"),
            Broken::Over(code) => io::Error::other(code.to_string()),
        }
    })
}
