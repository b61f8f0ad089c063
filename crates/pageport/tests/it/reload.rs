//! A gateway whose configuration is replaced while it runs: what is wrong changes nothing, what is not allowed any more ends, and what
//! `config explain` says of it is what happens. The proof runs the same with more of it: `PAGEPORT_PROOF=1`, and a seed of its own.

mod cuts;
mod dice;
mod explained;
mod flow;
mod malformed;
mod server;

use std::sync::LazyLock;

/// Whether all of it is wanted, and not only what shows that it works.
static PROOF: LazyLock<bool> = LazyLock::new(|| std::env::var_os("PAGEPORT_PROOF").is_some());

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
