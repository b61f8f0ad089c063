//! `pageport check`: what does this network let through?

use super::say;
use crate::check;
use crate::cli::check::{CarrierName, CheckFlags};
use crate::failure::{Failure, NativeFailure};
use crate::gateway;

/// Looks, and says what was found; a failure when no carrier works.
pub(crate) async fn run(flags: CheckFlags) -> Result<(), Failure> {
    let refused = |error| Failure::Native(NativeFailure::dial(&error));
    let mut connector = gateway::connector_to(&flags.gateway, flags.token.as_deref())?;
    if let Some(proxy) = &flags.proxy {
        connector = connector.proxy(proxy).map_err(refused)?;
    }
    if let Some(file) = &flags.trust {
        let pem = std::fs::read(file).map_err(|error| Failure::File { path: file.clone(), error })?;
        connector = connector.trust(&pem).map_err(refused)?;
    }
    let carriers = if flags.carriers.is_empty() { CarrierName::USUAL.to_vec() } else { flags.carriers };
    let proxy = flags.proxy.as_deref();
    let report = check::survey(&connector, &flags.gateway, proxy, &carriers, flags.idle).await;
    let text = if flags.json { format!("{}\n", report.json()) } else { report.text() };
    say(text.as_bytes())?;
    match report.failure() {
        None => Ok(()),
        Some(code) => Err(Failure::Native(NativeFailure::new("no carrier gets through", code))),
    }
}
