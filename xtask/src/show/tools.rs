//! What proofs are made of: the running gateway, a memory-limited group, scripts in Node, tests in Rust.

// Each expectation goes away with the first proof that uses the whole tool: the compiler then asks for it.
#[expect(dead_code, reason = "waits for the proofs about memory")]
pub(super) mod cgroup;
#[expect(dead_code, reason = "waits for the proofs about memory")]
pub(super) mod gateway;
#[expect(dead_code, reason = "waits for the proofs in other languages")]
pub(super) mod script;
