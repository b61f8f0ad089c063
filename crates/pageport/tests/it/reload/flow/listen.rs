//! What comes, in the shape that a way gives it, up to the end and its reason.

use std::io;

use pageport_link::StreamError;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc::UnboundedSender;

/// How bytes are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Bytes,
    /// Binary messages (RFC 6455 §5), none longer than 64 KiB.
    Messages,
    /// Packets of Wisp's stream 1 in such messages.
    Wisp,
}

/// A binary message of a client, masked with zeros.
pub(super) fn binary(payload: &[u8]) -> Vec<u8> {
    [&[0x82, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0], payload].concat()
}

/// Hands on what comes, and says how it ended.
pub(super) async fn to(
    mut read: impl AsyncRead + Send + Unpin,
    shape: Shape,
    heard: &UnboundedSender<Vec<u8>>,
) -> String {
    loop {
        let listening = async {
            match shape {
                Shape::Bytes => bytes(&mut read).await,
                shape => message(&mut read, shape).await,
            }
        };
        match listening.await {
            // Nobody hears it at the end of a test.
            Ok(Some(bytes)) => drop(heard.send(bytes)),
            Ok(None) => {}
            Err(end) => return end.0,
        }
    }
}

/// How it ended.
struct End(String);

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        let of_stream = error.get_ref().and_then(|error| error.downcast_ref::<StreamError>());
        End(match of_stream {
            Some(StreamError::Reset(code)) => code.to_string(),
            _ => error.kind().to_string(),
        })
    }
}

async fn bytes(read: &mut (impl AsyncRead + Unpin)) -> Result<Option<Vec<u8>>, End> {
    let mut buffer = [0; 1_024];
    match read.read(&mut buffer).await? {
        0 => Err(End("in order".to_owned())),
        length => Ok(Some(buffer[..length].to_vec())),
    }
}

async fn message(read: &mut (impl AsyncRead + Unpin), shape: Shape) -> Result<Option<Vec<u8>>, End> {
    let (first, second) = (read.read_u8().await?, read.read_u8().await?);
    let length = if second == 126 { read.read_u16().await? } else { second.into() };
    let mut payload = vec![0; length.into()];
    read.read_exact(&mut payload).await?;
    match (first, shape) {
        (0x88, _) => {
            let code = u16::from_be_bytes([payload[0], payload[1]]);
            Err(End(format!("{code} {}", String::from_utf8_lossy(&payload[2..]))))
        }
        (0x82, Shape::Wisp) => match payload[0] {
            2 => Ok(Some(payload[5..].to_vec())),
            4 => Err(End(format!("CLOSE {:#x}", payload[5]))),
            _ => Ok(None),
        },
        (0x82, _) => Ok(Some(payload)),
        _ => Ok(None),
    }
}
