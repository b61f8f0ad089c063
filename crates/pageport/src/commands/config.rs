//! `pageport config check|print`.

use pageport_gateway::Config;

use super::{environment, say};
use crate::cli::ConfigFile;
use crate::failure::Failure;

/// Says nothing but "fine", or fails with the place.
pub(crate) fn check(file: &ConfigFile) -> Result<(), Failure> {
    load(file)?;
    let name =
        file.config.as_ref().map_or("defaults and environment".to_owned(), |path| path.display().to_string());
    say(format!("{name}: fine\n").as_bytes())
}

/// Prints what takes effect.
pub(crate) fn print(file: &ConfigFile) -> Result<(), Failure> {
    say(load(file)?.print().as_bytes())
}

fn load(file: &ConfigFile) -> Result<Config, Failure> {
    Ok(Config::load(file.config.as_deref(), environment())?)
}
