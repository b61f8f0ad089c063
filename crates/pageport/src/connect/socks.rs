//! A SOCKS5 server on this machine (RFC 1928): each of its connections is a stream of one session, and survives what the session survives.
//!
//! Must never look up a name, let anybody in from other machines without a password, or read more than it was asked to before a request
//! is complete: what follows belongs to the target.
//!
//! | module | what |
//! |---|---|
//! | `wire` | what is said before bytes flow, read strictly |
//! | `credentials` | user and password (RFC 1929) |
//! | `reply` | our codes as theirs |
//! | `way` | the session, and another one when it is lost |
//! | `connection` | one connection from its first byte to its last |
//! | `report` | what is told |

mod connection;
mod credentials;
mod reply;
mod report;
mod way;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::cli::native::GatewayAccess;
use crate::failure::Failure;
use crate::signals::Stop;
use connection::Serving;
pub(crate) use credentials::Credentials;
pub(crate) use report::Report;
use way::Way;

/// Connections at once: what one session may have at a gateway (`connects_per_session`), so that it is this server that says no.
pub(crate) const CONNECTIONS: &str = "256";
/// For all that a client says before bytes flow: three short messages of a program on this machine, or of one near it.
pub(crate) const HANDSHAKE: &str = "10s";

/// Out of descriptors or memory, for one: that passes, or not, but not faster for being asked all the time.
const PAUSE: Duration = Duration::from_millis(100);
/// For the gateway to be told that this is over.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where to listen: an address with a port, or a port of 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(SocketAddr);

/// How to serve.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) address: Address,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) connections: usize,
    pub(crate) handshake: Duration,
    pub(crate) report: Report,
    pub(crate) gateway: GatewayAccess,
}

/// Serves until it is asked to stop.
///
/// # Errors
/// When it may not or cannot listen, or there is no session at the start.
pub(crate) async fn serve(options: Options) -> Result<(), Failure> {
    let Options { address: Address(address), credentials, connections, handshake, report, gateway } = options;
    if !address.ip().is_loopback() && credentials.is_none() {
        return Err(Failure::OpenToOthers(address));
    }
    let mut stop = Stop::listen().map_err(Failure::Runtime)?;
    let listening = |error| Failure::Listening { address, error };
    let listener = TcpListener::bind(address).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let place = gateway.url().to_owned();
    let way = tokio::select! {
        way = Way::start(gateway) => way?,
        () = stop.next() => return Ok(()),
    };
    report.ready(address, &place, credentials.is_some());
    let serving = Arc::new(Serving { way, credentials, handshake, report });
    tokio::select! {
        () = stop.next() => {}
        () = accept(&listener, &serving, connections) => {}
    }
    drop(listener);
    serving.way.end(FAREWELL).await;
    Ok(())
}

/// One more than there may be is closed at once: to wait for a place could take for ever.
async fn accept(listener: &TcpListener, serving: &Arc<Serving>, connections: usize) {
    let places = Arc::new(Semaphore::new(connections));
    let mut number = 0;
    loop {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            serving.report.full(connections);
            continue;
        };
        number += 1;
        let serving = Arc::clone(serving);
        tokio::spawn(async move {
            serving.serve(socket, number).await;
            drop(place);
        });
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let port = |port: &str| port.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let address = port(text)
            .or_else(|| port(text.strip_prefix("localhost:")?))
            .or_else(|| text.parse().ok())
            .ok_or_else(|| "write a port such as 1080, or ADDRESS:PORT".to_owned())?;
        Ok(Address(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_loopback() {
        for (text, address) in [
            ("1080", "127.0.0.1:1080"),
            ("localhost:1080", "127.0.0.1:1080"),
            ("[::1]:1080", "[::1]:1080"),
            ("0.0.0.0:1080", "0.0.0.0:1080"),
        ] {
            assert_eq!(
                text.parse::<Address>().map(|Address(address)| address.to_string()).as_deref(),
                Ok(address)
            );
        }
        for text in ["", "70000", "gw.example:1080", "127.0.0.1", "::1"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
