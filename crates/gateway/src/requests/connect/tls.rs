//! TLS with a server, and what is told where there is none: its class. Whose certificate a target shows, and what else a library has to
//! say, is about the network behind the gateway and stays in its log.

use std::io;
use std::sync::Arc;

use pageport_proto::Code;
use pageport_proto::head::{Alpn, Refusal, Verified};
use pageport_proto::target::Host;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::egress::Authority;
use crate::front::credential::sha256;

const OTHER: &str = "There is no TLS connection with the target.";

/// How to shake hands: whom to trust, and what to offer; `None`: HTTP/1.1, which a WebSocket begins with.
///
/// # Errors
/// [`Code::ERR_TARGET_TLS`] when whom to trust cannot be read.
pub(super) fn config(authority: &Authority, alpn: Option<&Alpn>) -> Result<Arc<ClientConfig>, Refusal> {
    let config = authority.config().map_err(|error| {
        tracing::warn!(%error, "no TLS");
        Refusal::new(Code::ERR_TARGET_TLS, OTHER)
    })?;
    let Some(alpn) = alpn else { return Ok(config) };
    let mut config = (*config).clone();
    config.alpn_protocols = alpn.iter().map(|offer| offer.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// Shakes hands with a server whose certificate is for this name or address.
///
/// # Errors
/// [`Code::ERR_TARGET_TLS`].
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    to: &Host,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<S>, Refusal> {
    shake(io, to, config).await.map_err(|error| refused(to, &error))
}

/// The same with the library's error, or that of `io`.
pub(super) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    to: &Host,
    config: Arc<ClientConfig>,
) -> io::Result<TlsStream<S>> {
    let name = server_name(to).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    TlsConnector::from(config).connect(name, io).await
}

/// What a caller is told of such an error.
pub(super) fn refused(to: &Host, error: &io::Error) -> Refusal {
    tracing::debug!(%to, %error, "no TLS");
    Refusal::new(Code::ERR_TARGET_TLS, class(error))
}

/// What a page is told of it; `None` when the library does not say.
pub(super) fn verified<S>(stream: &TlsStream<S>, to: &Host) -> Option<Verified> {
    let (_, connection) = stream.get_ref();
    let version = match connection.protocol_version()? {
        ProtocolVersion::TLSv1_3 => "TLSv1.3",
        ProtocolVersion::TLSv1_2 => "TLSv1.2",
        _ => return None,
    };
    // The library's names of TLS 1.3's suites have a number in them that IANA's have not.
    let cipher = connection.negotiated_cipher_suite()?.suite().as_str()?.replacen("TLS13_", "TLS_", 1);
    let alpn = connection.alpn_protocol().map(|alpn| String::from_utf8_lossy(alpn).into_owned());
    let certificate = sha256(connection.peer_certificates()?.first()?);
    let certificate = certificate.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Verified { version: version.to_owned(), cipher, alpn, servername: to.to_string(), certificate })
}

fn server_name(to: &Host) -> Option<ServerName<'static>> {
    match to {
        Host::Ip(ip) => Some(ServerName::from(*ip)),
        Host::Name(name) => ServerName::try_from(name.to_string()).ok(),
    }
}

fn class(error: &io::Error) -> &'static str {
    use CertificateError as Wrong;
    if error.kind() == io::ErrorKind::InvalidInput {
        return "The target's name is none that a certificate can have.";
    }
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(wrong)) => match wrong {
            Wrong::Expired | Wrong::ExpiredContext { .. } => "The target's certificate has expired.",
            Wrong::UnknownIssuer => "Nobody who is trusted vouches for the target's certificate.",
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                "The target's certificate is for another name."
            }
            _ => "The target's certificate cannot be used.",
        },
        _ => OTHER,
    }
}
