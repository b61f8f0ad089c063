//! A port on loopback, and who has it.

use std::net::Ipv4Addr;

use serde_json::json;
use tokio::net::TcpListener;

use crate::Outcome;

/// Says the port as a line of JSON once connections are taken.
pub(crate) async fn at(port: u16) -> Outcome<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("{}", json!({ "port": listener.local_addr()?.port() }));
    Ok(listener)
}
