//! TLS with a server, and what is told where there is none: its class. Whose certificate a target shows, and what else a library has to
//! say, is about the network behind the gateway and stays in its log.

use std::io;

use pageport_link::SharedTcp;
use pageport_proto::Code;
use pageport_proto::head::Refusal;
use pageport_proto::target::{Endpoint, Host};
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::egress::Authority;

const OTHER: &str = "There is no TLS connection with the target.";

/// Shakes hands with a server whose certificate is for this name or address.
///
/// # Errors
/// [`Code::ERR_TARGET_TLS`].
pub(super) async fn connect(
    tcp: &SharedTcp,
    to: &Endpoint,
    authority: &Authority,
) -> Result<TlsStream<SharedTcp>, Refusal> {
    let refusal = |message| Refusal::new(Code::ERR_TARGET_TLS, message);
    let name =
        server_name(to).ok_or_else(|| refusal("The target's name is none that a certificate can have."))?;
    let config = authority.config().map_err(|error| {
        tracing::warn!(%to, %error, "no TLS");
        refusal(OTHER)
    })?;
    TlsConnector::from(config).connect(name, tcp.clone()).await.map_err(|error| {
        tracing::debug!(%to, %error, "no TLS");
        refusal(class(&error))
    })
}

fn server_name(to: &Endpoint) -> Option<ServerName<'static>> {
    match &to.host {
        Host::Ip(ip) => Some(ServerName::from(*ip)),
        Host::Name(name) => ServerName::try_from(name.to_string()).ok(),
    }
}

fn class(error: &io::Error) -> &'static str {
    use CertificateError as Wrong;
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
