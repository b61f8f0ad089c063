//! A UDP socket for one of the addresses that were judged. UDP shakes no hands, so the first address that there is a way to is the one: whether anybody is there shows
//! only later, if ever.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

/// A socket that is connected to the first of these that there is a route to: it sends nowhere else. Nothing is sent here. Never one that may broadcast.
///
/// # Errors
/// Why it is not connected to the last of them.
pub(crate) async fn connect_udp(list: &[SocketAddr]) -> io::Result<UdpSocket> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in list {
        match connect(*address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    Ok(socket)
}
