//! `pageport connect` as its parts: what is asked of a gateway, a pipe, and a SOCKS server.
//!
//! Must never look up the name of a target: that is for the gateway, which judges what it finds.
//!
//! | module | what |
//! |---|---|
//! | `place` | where to connect to, as it is written |
//! | `ask` | a stream of a session becomes a connection |
//! | `pipe` | stdin and stdout over it |
//! | `report` | what is told of a pipe |
//! | `socks` | a SOCKS5 server whose connections are such streams |

pub(crate) mod ask;
pub(crate) mod pipe;
pub(crate) mod place;
pub(crate) mod report;
pub(crate) mod socks;
