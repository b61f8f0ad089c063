//! The way of `expose` and `connect` to their gateway: the address, and whatever credential there is for it.

use pageport_link::Connector;

use crate::cli::native::GatewayAccess;
use crate::failure::NativeFailure;
use crate::token;

/// A connector with the credential that was given, or that of `dev` on this machine.
pub(crate) fn connector(access: &GatewayAccess) -> Result<Connector, NativeFailure> {
    connector_to(access.url(), access.token.as_deref())
}

/// The same for this address and token.
pub(crate) fn connector_to(gateway: &str, token: Option<&str>) -> Result<Connector, NativeFailure> {
    let connector = Connector::new(gateway).map_err(|error| NativeFailure::dial(&error))?;
    let token = token.filter(|token| !token.is_empty()).map(str::to_owned).or_else(|| dev_token(gateway));
    Ok(token.into_iter().fold(connector, Connector::credential))
}

/// What `pageport dev` has left for programs of this user, when the gateway is one on loopback.
fn dev_token(gateway: &str) -> Option<String> {
    let authority = gateway.split_once("://")?.1.split('/').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, 80),
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]").then(|| token::read(port)).flatten()
}
