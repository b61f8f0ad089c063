//! The Pageport wire without any I/O: frames, heads, error codes and the session state machine.
//!
//! Nothing in this crate opens a socket, reads a clock or draws a random number: bytes, instants and random values are
//! arguments. No session assumes a kind of carrier. The normative text is `spec/protocol.md`; section marks (§) refer to it.
//!
//! | module | what |
//! |---|---|
//! | [`varint`], [`frame`] | bytes ↔ frames |
//! | [`json`], [`hello`], [`head`] | JSON objects ↔ types that cannot be wrong |
//! | [`code`] | the closed list of error codes |
//! | [`numbered`] | bodies of the requests that the carrier `http` is made of |
//! | [`session`] | streams, credit, acknowledgement and attaching, for both roles |
//! | [`name`], [`claim`] | names of listeners, and proof of whose they are |
//! | [`target`] | where connections may go |

pub mod claim;
pub mod code;
pub mod frame;
pub mod head;
pub mod hello;
pub mod id;
pub mod json;
pub mod limits;
pub mod name;
pub mod numbered;
mod queue;
pub mod session;
pub mod target;
pub mod varint;

pub use code::Code;
pub use id::{Role, StreamId};
pub use limits::Limits;
