//! What the program does, one file for each command.

mod check;
mod completions;
mod config;
mod connect;
mod dev;
mod explain;
mod expose;
mod gateway;
pub(crate) mod lan;
mod man;
mod token;

use std::io::{self, Write as _};

use tokio::runtime::Builder;

use crate::cli::{Command, ConfigCommand, TokenCommand};
use crate::failure::Failure;

/// Runs one, to its end.
///
/// # Errors
/// What a person is told, and the exit code.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Dev(flags) => on_runtime(dev::run(flags)),
        Command::Gateway(flags) => on_runtime(gateway::run(flags)),
        Command::Expose(flags) => on_runtime(expose::run(flags)),
        Command::Connect(flags) => on_one_worker(connect::run(*flags)),
        Command::Check(flags) => on_runtime(check::run(flags)),
        Command::Completions { shell } => completions::print(shell),
        Command::Man { command } => man::print(command.as_deref()),
        Command::Config(ConfigCommand::Check(file)) => config::check(&file),
        Command::Config(ConfigCommand::Print(file)) => config::print(&file),
        Command::Config(ConfigCommand::Explain(flags)) => on_runtime(explain::run(flags)),
        Command::Token(TokenCommand::Key(flags)) => token::key(&flags),
        Command::Token(TokenCommand::Mint(flags)) => token::mint(flags),
    }
}

fn on_runtime(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    run_on(&mut Builder::new_multi_thread(), command)
}

/// For one person's connections: what one thread allocates and another one frees is kept twice for a while.
fn on_one_worker(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    run_on(Builder::new_multi_thread().worker_threads(1), command)
}

fn run_on(runtime: &mut Builder, command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = runtime.enable_all().build().map_err(Failure::Runtime)?;
    let result = runtime.block_on(command);
    // A read of stdin that nobody waits for any more cannot be called off.
    runtime.shutdown_background();
    result
}

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
