//! `pageport config check|print`.

use std::io::{self, Write as _};

use pageport_gateway::Config;

use super::environment;
use crate::cli::ConfigFile;
use crate::failure::Failure;

/// Says nothing but "fine", or fails with the place.
pub(crate) fn check(file: &ConfigFile) -> Result<(), Failure> {
    load(file)?;
    let name =
        file.config.as_ref().map_or("defaults and environment".to_owned(), |path| path.display().to_string());
    say(&format!("{name}: fine\n"))
}

/// Prints what takes effect.
pub(crate) fn print(file: &ConfigFile) -> Result<(), Failure> {
    say(&load(file)?.print())
}

fn load(file: &ConfigFile) -> Result<Config, Failure> {
    Ok(Config::load(file.config.as_deref(), environment())?)
}

fn say(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        // `pageport config print | head` is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}
