//! Logs on stderr: text or JSON, never secrets. What a program reads stands on stdout instead.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::cli::{Cli, Command, LogFormat};

/// Begins to log. Only the first call of a process counts.
pub(crate) fn start(cli: &Cli) {
    let quiet = !matches!(cli.command, Command::Gateway(_));
    let level = match (cli.verbose, quiet) {
        (0, true) => "warn",
        (0, false) | (1, true) => "info",
        (1, false) | (2, true) => "debug",
        _ => "trace",
    };
    // h2 warns of every connection that it ends for a flood: the flood would be in the log as well.
    let filter = || {
        EnvFilter::new(if level == "debug" || level == "trace" {
            level.to_owned()
        } else {
            format!("{level},h2=error")
        })
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| filter());
    // It writes whole requests into the log, credentials included, and a line for each broken one.
    let silent: Option<Directive> = "web_transport_quinn=error".parse().ok();
    let filter = silent.into_iter().fold(filter, EnvFilter::add_directive);
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours);
    let started = match cli.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    debug_assert!(started.is_ok(), "logs are started once");
}
