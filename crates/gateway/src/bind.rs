//! Opening the listening sockets: both families where `localhost` means both, and one port for all of them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use pageport_proto::Code;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::config::{Admin, Listen};
use crate::front::accept::{KEEPALIVE, UNSENT};

/// Connections that wait in the kernel to be taken; it takes no more than its own limit (`somaxconn`).
const BACKLOG: i32 = 4_096;
/// How often another free port is tried when only one of the two families has it.
const TRIES: usize = 16;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}")]
pub struct BindError {
    /// Whether it was for the admin listener.
    pub admin: bool,
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    #[source]
    pub error: io::Error,
}

impl BindError {
    /// [`Code::ERR_ADDRESS_IN_USE`] or [`Code::ERR_ADDRESS_INVALID`].
    #[must_use]
    pub fn code(&self) -> Code {
        match self.error.kind() {
            io::ErrorKind::AddrInUse => Code::ERR_ADDRESS_IN_USE,
            _ => Code::ERR_ADDRESS_INVALID,
        }
    }
}

/// All sockets that share the front door's port.
pub(crate) struct Doors {
    pub(crate) front: Vec<TcpListener>,
    /// At an address of the local network.
    pub(crate) second: Option<TcpListener>,
    /// Where the front door is, for QUIC.
    pub(crate) udp: Vec<UdpSocket>,
}

/// Opens them; `quic` is whether there are sockets for QUIC.
pub(crate) fn doors(listen: &Listen, lan: Option<IpAddr>, quic: bool) -> Result<Doors, BindError> {
    let mut tries = 1..TRIES;
    loop {
        let front = front(listen)?;
        let addresses: Vec<_> = front.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        let port = addresses.first().map_or(0, SocketAddr::port);
        let second = lan.map(|ip| open((ip, port).into(), &[])).transpose();
        let udp = if quic { addresses.as_slice() } else { &[] };
        let udp: Result<Vec<_>, _> = udp.iter().map(|address| open_udp(*address, &addresses)).collect();
        match second.and_then(|second| Ok((second, udp?))) {
            Ok((second, udp)) => return Ok(Doors { front, second, udp }),
            // A free port is one that all have.
            Err(error)
                if *listen == Listen::Loopback(0)
                    && error.code() == Code::ERR_ADDRESS_IN_USE
                    && tries.next().is_some() => {}
            Err(error) => return Err(error),
        }
    }
}

/// The front door's sockets, at least one.
fn front(listen: &Listen) -> Result<Vec<TcpListener>, BindError> {
    match listen {
        Listen::Addresses(list) => list.iter().map(|address| open(*address, list)).collect(),
        Listen::Loopback(0) => {
            let mut result = loopback(0);
            for _ in 1..TRIES {
                match result {
                    Err(error) if error.code() == Code::ERR_ADDRESS_IN_USE => result = loopback(0),
                    _ => break,
                }
            }
            result
        }
        Listen::Loopback(port) => loopback(*port),
    }
}

/// The admin socket.
pub(crate) fn admin(admin: Admin, front: u16) -> Result<TcpListener, BindError> {
    let open = |address| open(address, &[]).map_err(|error| BindError { admin: true, ..error });
    let loopback = |port| open((Ipv4Addr::LOCALHOST, port).into());
    match admin {
        Admin::Address(address) => open(address),
        Admin::NextPort => match front.checked_add(1).map(loopback) {
            Some(Err(error)) if error.code() == Code::ERR_ADDRESS_IN_USE => loopback(0),
            Some(result) => result,
            None => loopback(0),
        },
    }
}

/// A listener's port; one loopback address stands for both. Fails when anything else has the port in either family.
pub(crate) fn port(bind: IpAddr, port: u16) -> Result<Vec<TcpListener>, BindError> {
    if bind.is_loopback() {
        loopback(port)
    } else {
        open((bind, port).into(), &[]).map(|socket| vec![socket])
    }
}

/// IPv4 first; IPv6 takes the port that came out. A machine without IPv6 has no second one, and no browser there expects it.
fn loopback(port: u16) -> Result<Vec<TcpListener>, BindError> {
    let [v4, v6] = [Listen::Loopback(port).addresses()[0], Listen::Loopback(port).addresses()[1]];
    let first = open(v4, &[])?;
    let port = first.local_addr().map_err(|error| BindError { admin: false, address: v4, error })?.port();
    match open((v6.ip(), port).into(), &[]) {
        Ok(second) => Ok(vec![first, second]),
        Err(error) if error.code() == Code::ERR_ADDRESS_IN_USE => Err(error),
        Err(error) => {
            tracing::warn!(%error, "IPv4 only");
            Ok(vec![first])
        }
    }
}

/// `[::]` takes IPv4 as well, unless the list names an IPv4 address for the same port.
fn open(address: SocketAddr, list: &[SocketAddr]) -> Result<TcpListener, BindError> {
    let open = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        take_families(&socket, address, list)?;
        // A restarted gateway takes its port back at once; two running ones still cannot share it (Unix).
        socket.set_reuse_address(cfg!(unix))?;
        socket.set_nonblocking(true)?;
        tune(&socket);
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    open().map_err(|error| BindError { admin: false, address, error })
}

/// What every connection is to have: it inherits that from the socket by which it comes, which saves it seven calls.
fn tune(socket: &Socket) {
    // None of it is worth refusing to serve.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&KEEPALIVE);
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    // As in `relay::keep_urgent`.
    let _ = socket.set_out_of_band_inline(true);
}

/// The same for datagrams. Two gateways must not share a port: QUIC's packets would go to either.
fn open_udp(address: SocketAddr, list: &[SocketAddr]) -> Result<UdpSocket, BindError> {
    let open = || -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        take_families(&socket, address, list)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    open().map_err(|error| BindError { admin: false, address, error })
}

fn take_families(socket: &Socket, address: SocketAddr, list: &[SocketAddr]) -> io::Result<()> {
    let shares_port = list.iter().any(|other| other.is_ipv4() && other.port() == address.port());
    if address.is_ipv6() {
        socket.set_only_v6(shares_port || !address.ip().is_unspecified())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use socket2::SockRef;
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_connection_has_what_was_set_for_all() {
        for listener in port(Ipv4Addr::LOCALHOST.into(), 0).expect("a free port") {
            let address = listener.local_addr().expect("an address");
            let _client = TcpStream::connect(address).await.expect("connects");
            let (taken, _) = listener.accept().await.expect("a connection");
            let socket = SockRef::from(&taken);
            assert!(socket.tcp_nodelay().expect("is told"));
            assert!(socket.keepalive().expect("is told"));
            assert_eq!(socket.tcp_keepalive_time().expect("is told"), Duration::from_secs(60));
            assert_eq!(socket.tcp_keepalive_interval().expect("is told"), Duration::from_secs(15));
            assert_eq!(socket.tcp_keepalive_retries().expect("is told"), 4);
            assert_eq!(socket.tcp_notsent_lowat().expect("is told"), UNSENT);
            assert!(socket.out_of_band_inline().expect("is told"));
        }
    }
}
