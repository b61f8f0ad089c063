//! The visitor's side: one kind of load per module, one line of JSON each. All but `idle` also say which part of its time this program
//! ran (`busy`).

pub(crate) mod bulk;
mod busy;
mod connection;
mod frames;
mod handshake;
pub(crate) mod idle;
pub(crate) mod setups;
pub(crate) mod target;
pub(crate) mod trips;
pub(crate) mod verify;
pub(crate) mod wisp;
