//! What proofs are made of: the running gateway, a memory-limited group, the page of results, scripts in Node, tests in Rust.

pub(super) mod cgroup;
pub(super) mod gateway;
pub(super) mod results;
pub(super) mod script;
