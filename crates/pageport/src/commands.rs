//! What the program does, one file for each command.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod connect;
pub(crate) mod dev;
pub(crate) mod expose;
pub(crate) mod gateway;
pub(crate) mod man;
pub(crate) mod token;

use std::io::{self, Write as _};

use crate::failure::Failure;

/// Writes what was asked for to stdout.
fn say(bytes: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(bytes) {
        // `pageport config print | head` is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

/// The environment, without variables that are not text: none of ours can be such.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
