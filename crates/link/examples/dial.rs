//! A visitor of a listener: `cargo run -p pageport-link --example dial -- ws://name.localhost:7070/` sends a line and prints what comes
//! back.

use pageport_link::dial;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: dial tcp://HOST:PORT | ws://…")?;
    let mut connection = dial(&url).await?;
    connection.write_all(b"hello\n").await?;
    connection.shutdown().await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    print!("{answer}");
    Ok(())
}
