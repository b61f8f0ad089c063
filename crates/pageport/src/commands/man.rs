//! `pageport man`: the manual, a page for the program and one for each command.

use clap::CommandFactory as _;

use super::say;
use crate::cli::Cli;
use crate::failure::Failure;

/// Prints a page in roff.
pub(crate) fn print(command: Option<&str>) -> Result<(), Failure> {
    let mut program = Cli::command();
    // Gives every command its full name, `pageport expose`.
    program.build();
    let found = match command {
        None => Some(&program),
        Some(name) => program.get_subcommands().find(|command| command.get_name() == name),
    };
    let page = found.ok_or_else(|| Failure::NoSuchCommand(command.unwrap_or_default().to_owned()))?;
    let mut text = Vec::new();
    clap_mangen::Man::new(page.clone()).render(&mut text).map_err(Failure::Output)?;
    say(&text)
}
