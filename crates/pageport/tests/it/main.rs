//! The program from outside: what it prints, how it ends, what it leaves behind.

#![allow(clippy::unwrap_used, reason = "in a test, a panic with a line number is the report")]

mod check;
mod config;
mod configured;
mod connect;
mod connect_servers;
mod dev;
mod expose;
mod expose_http;
mod gateway;
mod manual;
mod middlebox;
mod names;
mod program;
mod reload;
mod socks;
mod socks_hostile;
mod tokens;
