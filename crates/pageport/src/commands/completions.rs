//! `pageport completions`: the commands and flags for a shell.

use clap::CommandFactory as _;

use super::say;
use crate::cli::Cli;
use crate::failure::Failure;

/// Prints the script.
pub(crate) fn print(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pageport", &mut script);
    say(&script)
}
