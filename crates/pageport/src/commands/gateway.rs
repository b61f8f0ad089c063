//! `pageport gateway`: a gateway as configured, which reads its configuration again on SIGHUP, or when its files change.

use std::path::{Path, PathBuf};

use pageport_gateway::config::{Config, WebsockifyFlags};
use pageport_gateway::tls::Tls;
use pageport_gateway::{Gateway, Handle, suffix};

use super::environment;
use crate::cli::GatewayFlags;
use crate::descriptors;
use crate::failure::{Failure, render};
use crate::ready;
use crate::signals::{self, Stop};
use crate::watch::Watch;

/// Runs until it is asked to stop.
pub(crate) async fn run(flags: GatewayFlags) -> Result<(), Failure> {
    let stop = Stop::listen().map_err(Failure::Runtime)?;
    let file = flags.file.config;
    let websockify = WebsockifyFlags { targets: flags.targets, web: flags.web };
    let config = Config::load_with(file.as_deref(), environment(), &websockify)?;
    descriptors::warn_if_few(config.policy.limits.connections, descriptors::raise());
    let gateway = Gateway::bind(config.clone())?;
    if !suffix::separates(&config.base) {
        tracing::warn!(
            base = &*config.base,
            "not in the Public Suffix List: its listeners are one site to browsers, and may set cookies for each other"
        );
    }
    if config.data.is_none() {
        tracing::warn!(
            "names are kept in memory: after a restart whoever comes first has them (`data` keeps them)"
        );
    }
    let reload = reload(gateway.handle(), (file, websockify), config)?;
    if flags.json {
        ready::json(&gateway, &[]);
    } else {
        ready::gateway(&gateway);
    }
    let reload = tokio::spawn(reload);
    let handle = gateway.handle();
    let drained = stop.run(|requested| gateway.run(requested.wait())).await;
    reload.abort();
    if drained {
        return Ok(());
    }
    handle.end().await;
    Err(Failure::CutShort)
}

/// Replaces what can be replaced at every SIGHUP, and whenever the configuration, its certificate or an authority change. What is wrong changes nothing.
fn reload(
    handle: Handle,
    (file, websockify): (Option<PathBuf>, WebsockifyFlags),
    running: Config,
) -> Result<impl Future<Output = ()>, Failure> {
    let mut hangup = signals::hangup().map_err(Failure::Runtime)?;
    let mut watch = Watch::new(files(file.as_deref(), &running));
    Ok(async move {
        loop {
            tokio::select! {
                _ = hangup.recv() => {}
                () = watch.changed() => {}
            }
            watch.look();
            match Config::load_with(file.as_deref(), environment(), &websockify) {
                Ok(config) => {
                    let fixed = fixed(&config, &running);
                    if !fixed.is_empty() {
                        tracing::warn!("with the next start only: {}", fixed.join(", "));
                    }
                    watch.turn_to(files(file.as_deref(), &config));
                    handle.reload(config.policy);
                    tracing::info!("configuration read again");
                }
                Err(error) => {
                    tracing::error!("the old configuration stays: {}", render(&error).trim_end());
                }
            }
        }
    })
}

/// What a reload cannot replace, and has changed.
fn fixed(new: &Config, running: &Config) -> Vec<&'static str> {
    let keys = [
        ("listen", new.listen != running.listen),
        ("admin", new.admin != running.admin),
        ("base", new.base != running.base),
        ("url", new.public != running.public),
        ("data", new.data != running.data),
        ("tcp", new.tcp != running.tcp),
        ("webtransport", new.webtransport != running.webtransport),
    ];
    keys.into_iter().filter_map(|(key, changed)| changed.then_some(key)).collect()
}

/// What a configuration consists of: the file, and all that it names and that is read with it.
fn files(file: Option<&Path>, config: &Config) -> Vec<PathBuf> {
    let certificate = config.policy.tls.iter().flat_map(Tls::files);
    let authorities = config.policy.egress.allow.iter().filter_map(|rule| rule.authority.file.clone());
    let websockify = &config.policy.websockify;
    let targets = websockify.source.iter().chain(&websockify.files).cloned();
    file.map(Path::to_owned).into_iter().chain(certificate).chain(authorities).chain(targets).collect()
}
