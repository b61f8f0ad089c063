//! `pageport`, the program: a thin shell over the gateway's library. See `pageport --help`.

mod allocator;
mod check;
mod cli;
mod commands;
mod connect;
mod descriptors;
mod expose;
mod failure;
mod gateway;
mod identity;
mod logs;
mod ready;
mod signals;
mod token;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

use cli::Cli;

fn main() -> ExitCode {
    allocator::take_small_pages();
    let cli = Cli::parse();
    logs::start(&cli);
    match commands::run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}
