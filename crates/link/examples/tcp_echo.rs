//! A TCP echo server behind a gateway: `cargo run -p pageport-link --example tcp_echo -- http://localhost:7070 TOKEN`, then `nc` to
//! the address that it prints.

use pageport_link::head::{Kind, Listen};
use pageport_link::{Connector, Listener};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [gateway, token] = arguments.as_slice() else { return Err("usage: tcp_echo GATEWAY TOKEN".into()) };
    let connector = Connector::new(gateway)?.credential(token.clone());
    let mut listener = Listener::start(connector, Listen::new(Kind::Tcp)).await?;
    println!("{}", listener.address().url());
    while let Some(visitor) = listener.accept().await {
        tokio::spawn(async move {
            let (mut read, mut write) = tokio::io::split(visitor.admit()?);
            tokio::io::copy(&mut read, &mut write).await?;
            tokio::io::AsyncWriteExt::shutdown(&mut write).await
        });
    }
    Ok(())
}
