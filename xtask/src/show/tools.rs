//! What proofs are made of: the running gateway, a memory-limited group, scripts in Node, tests in Rust.

pub(super) mod cgroup;
pub(super) mod gateway;
pub(super) mod script;
