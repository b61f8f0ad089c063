//! `pageport`, the program: a thin shell over the gateway's library. See `pageport --help`.

mod allocator;
mod cli;
mod commands;
mod descriptors;
mod expose;
mod failure;
mod gateway;
mod identity;
mod lan;
mod logs;
mod qr;
mod ready;
mod signals;
mod token;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command, ConfigCommand, TokenCommand};
use failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    logs::start(&cli);
    match cli.command {
        Command::Dev(flags) => on_runtime(commands::dev::run(flags)),
        Command::Gateway(flags) => on_runtime(commands::gateway::run(flags)),
        Command::Expose(flags) => on_runtime(commands::expose::run(flags)),
        Command::Connect(flags) => on_runtime(commands::connect::run(flags)),
        Command::Completions { shell } => commands::completions::print(shell),
        Command::Man { command } => commands::man::print(command.as_deref()),
        Command::Config(ConfigCommand::Check(file)) => commands::config::check(&file),
        Command::Config(ConfigCommand::Print(file)) => commands::config::print(&file),
        Command::Token(TokenCommand::Key(flags)) => commands::token::key(&flags),
        Command::Token(TokenCommand::Mint(flags)) => commands::token::mint(flags),
    }
}

fn on_runtime(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::Runtime)?;
    let result = runtime.block_on(command);
    // A read of stdin that nobody waits for any more cannot be called off.
    runtime.shutdown_background();
    result
}
