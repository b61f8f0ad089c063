//! What client and server say before bytes flow (RFC 1928 §§3, 4 and 6, RFC 1929), read strictly and never further than its end.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use pageport_proto::target::{Endpoint, Host};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Credentials;
use super::reply::Rep;

const VERSION: u8 = 5;
/// Of the negotiation of RFC 1929.
const PASSWORD_VERSION: u8 = 1;

const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_ACCEPTABLE: u8 = 0xff;

const CONNECT: u8 = 1;

const IPV4: u8 = 1;
const DOMAIN: u8 = 3;
const IPV6: u8 = 4;

/// Why a client is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Bad {
    /// It went away, or the connection broke.
    #[error("the client has gone: {0}")]
    Gone(#[from] io::Error),
    /// Something else than SOCKS 5; nothing that it would understand can be said.
    #[error("not SOCKS 5")]
    Version,
    /// None of its ways to prove who it is will do; it knows.
    #[error("the client offers no authentication that will do")]
    Method,
    /// Not the user, or not the password; it knows.
    #[error("wrong user or password")]
    Credentials,
    /// A request that is none, or is for something that there is not.
    #[error("{0}")]
    Request(&'static str, Rep),
}

/// Reads which ways a client has to prove who it is, chooses, and lets it.
pub(super) async fn authenticate<S>(stream: &mut S, credentials: Option<&Credentials>) -> Result<(), Bad>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if stream.read_u8().await? != VERSION {
        return Err(Bad::Version);
    }
    let methods = counted(stream).await?;
    let wanted = if credentials.is_some() { USER_AND_PASSWORD } else { NO_AUTHENTICATION };
    if !methods.contains(&wanted) {
        stream.write_all(&[VERSION, NO_ACCEPTABLE]).await?;
        return Err(Bad::Method);
    }
    stream.write_all(&[VERSION, wanted]).await?;
    let Some(credentials) = credentials else { return Ok(()) };
    if stream.read_u8().await? != PASSWORD_VERSION {
        return Err(Bad::Version);
    }
    let (user, password) = (counted(stream).await?, counted(stream).await?);
    let right = credentials.are(&user, &password);
    stream.write_all(&[PASSWORD_VERSION, u8::from(!right)]).await?;
    if right { Ok(()) } else { Err(Bad::Credentials) }
}

/// Reads where the client wants to go.
pub(super) async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Endpoint, Bad> {
    let [version, command, reserved, kind] = array(stream).await?;
    if version != VERSION {
        return Err(Bad::Version);
    }
    let host = match kind {
        IPV4 => Some(Host::Ip(Ipv4Addr::from(array::<4>(stream).await?).into())),
        IPV6 => Some(Host::Ip(Ipv6Addr::from(array::<16>(stream).await?).into())),
        DOMAIN => std::str::from_utf8(&counted(stream).await?).ok().and_then(Host::parse),
        _ => return Err(Bad::Request("no such type of address", Rep::AddressTypeNotSupported)),
    };
    let port = stream.read_u16().await?;
    // Whatever is wrong, all of the request has been read: the answer is not lost in a reset.
    if command != CONNECT {
        return Err(Bad::Request("only CONNECT is served", Rep::CommandNotSupported));
    }
    match host {
        Some(host) if port != 0 && reserved == 0 => Ok(Endpoint { host, port }),
        _ => Err(Bad::Request("not a host and a port", Rep::GeneralFailure)),
    }
}

/// Says what became of the request.
pub(super) async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, rep: Rep) -> io::Result<()> {
    stream.write_all(&rep.message()).await
}

/// So many bytes as the first one says.
async fn counted<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; stream.read_u8().await?.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn array<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
