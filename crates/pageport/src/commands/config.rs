//! `pageport config check|print`.

use pageport_gateway::Config;

use super::{environment, say};
use crate::cli::ConfigFile;
use crate::failure::Failure;

/// Says "fine" and what its rules mean, or fails with the place.
pub(crate) fn check(file: &ConfigFile) -> Result<(), Failure> {
    let rules: String = load(file)?.rules().into_iter().map(|rule| format!("  {rule}\n")).collect();
    let name =
        file.config.as_ref().map_or("defaults and environment".to_owned(), |path| path.display().to_string());
    say(format!("{name}: fine\n{rules}").as_bytes())
}

/// Prints what takes effect.
pub(crate) fn print(file: &ConfigFile) -> Result<(), Failure> {
    say(load(file)?.print().as_bytes())
}

fn load(file: &ConfigFile) -> Result<Config, Failure> {
    Ok(Config::load(file.config.as_deref(), environment())?)
}
