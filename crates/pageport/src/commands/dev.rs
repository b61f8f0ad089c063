//! `pageport dev`: a gateway on loopback with the gallery, no configuration.

use std::sync::Arc;

use pageport_gateway::Gateway;
use pageport_gateway::config::Config;
use pageport_gateway::front::credential::{Token, sha256};
use pageport_gateway::front::grants::Grants;
use pageport_gateway::tls::Tls;

use super::{environment, lan};
use crate::cli::DevFlags;
use crate::descriptors;
use crate::failure::Failure;

use crate::ready;
use crate::signals::Stop;
use crate::token::{self, TokenFile};

/// Runs until it is asked to stop.
pub(crate) async fn run(flags: DevFlags) -> Result<(), Failure> {
    let stop = Stop::listen().map_err(Failure::Runtime)?;
    let mut config = Config::dev(flags.listen.as_deref(), flags.admin.as_deref(), environment())?;
    for target in &flags.allow {
        config.allow(target)?;
    }
    if flags.tls {
        config.policy.tls = Some(Tls::Made { names: Vec::new() });
    }
    if let Some(address) = flags.lan {
        config.lan = Some(lan::find(address, &config.listen)?);
    }
    let token = token::random().map_err(Failure::Runtime)?;
    config.policy.tokens.0.push(Arc::new(Token {
        name: "dev".into(),
        sha256: sha256(token.as_bytes()),
        grants: Grants::all(),
        expiry: None,
    }));
    descriptors::raise();
    let gateway = Gateway::bind(config)?;
    let port = gateway.addresses().first().map_or(0, |address| address.port());
    // Lives until the end of this function, whichever way it ends.
    let file = TokenFile::write(port, &token)?;
    if flags.json {
        ready::json(&gateway, &flags.allow);
    } else {
        ready::dev(&gateway, file.path(), &flags.allow);
    }
    let handle = gateway.handle();
    if !stop.run(|requested| gateway.run(requested.wait())).await {
        handle.end().await;
    }
    Ok(())
}
