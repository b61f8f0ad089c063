//! A name server for one test, made of bytes (RFC 1035 §4).

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::client::soon;

/// Record types (RFC 1035 §3.2.2, RFC 3596 §2.1).
pub(crate) const A: u16 = 1;
pub(crate) const AAAA: u16 = 28;
const CNAME: u8 = 5;

/// Tells what it is asked.
pub(crate) struct NameServer {
    address: SocketAddr,
    asked: UnboundedReceiver<Question>,
}

/// What was asked, and by which socket.
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) kind: u16,
    from: SocketAddr,
}

/// Knows these names with their addresses, and that there are no others. It is silent where it says `?4` or `?6` in place of an address, and tells of an
/// alias where it says `=name`. What stands between `|` it says by turns, and that nobody must remember it.
pub(crate) async fn name_server(records: &[(&str, &str)]) -> NameServer {
    let records: Vec<_> = records.iter().map(|(name, data)| (name.to_string(), data.to_string())).collect();
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("an address");
    let (told, asked) = unbounded_channel();
    tokio::spawn(async move {
        let mut query = [0; 512];
        let mut turn = 0;
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            let (name, kind, answer) = answer(&query[..length], &records, turn);
            turn += usize::from(kind == A);
            if let Some(answer) = answer {
                let _ = socket.send_to(&answer, from).await;
            }
            let _ = told.send(Question { name, kind, from });
        }
    });
    NameServer { address, asked }
}

fn answer(query: &[u8], records: &[(String, String)], turn: usize) -> (String, u16, Option<Vec<u8>>) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
        at = end;
    }
    let (name, kind) = (labels.join("."), u16::from_be_bytes([query[at + 1], query[at + 2]]));
    let data = records.iter().find(|(known, _)| *known == name).map(|(_, data)| data.as_str());
    let said: Option<Vec<_>> = data.map(|data| data.split('|').collect());
    let (data, lives) = match &said {
        Some(said) => (Some(said[turn % said.len()]), if said.len() > 1 { 0 } else { 60 }),
        None => (None, 60),
    };
    let silent = if kind == A { "?4" } else { "?6" };
    if data.is_some_and(|data| data.split(' ').any(|word| word == silent)) {
        return (name, kind, None);
    }
    // An alias, whose name stands behind the question.
    let alias = data.and_then(|data| data.strip_prefix('='));
    let of_alias = alias.and_then(|alias| records.iter().find(|(known, _)| known == alias));
    let addresses = of_alias.map(|(_, data)| data.as_str()).or(data);
    let found = addresses.unwrap_or_default().split(' ').filter_map(|word| word.parse::<IpAddr>().ok());
    let found: Vec<Vec<u8>> = found
        .filter_map(|ip| match ip {
            IpAddr::V4(ip) if kind == A => Some(ip.octets().to_vec()),
            IpAddr::V6(ip) if kind == AAAA => Some(ip.octets().to_vec()),
            _ => None,
        })
        .collect();
    // An answer, recursion available; name error (3) where there is no such name.
    let flags = if data.is_some() { 0x8180_u16 } else { 0x8183 };
    let count = u16::try_from(found.len() + usize::from(alias.is_some())).expect("few");
    let mut out = query[..2].to_vec();
    for number in [flags, 1, count, 0, 0] {
        out.extend(number.to_be_bytes());
    }
    out.extend(&query[12..at + 5]);
    let mut owner = [0xc0, 12];
    if let Some(alias) = alias {
        let mut labels: Vec<u8> = alias
            .split('.')
            .flat_map(|label| [&[u8::try_from(label.len()).expect("short")], label.as_bytes()].concat())
            .collect();
        labels.push(0);
        out.extend([0xc0, 12, 0, CNAME, 0, 1, 0, 0, 0, lives, 0, u8::try_from(labels.len()).expect("short")]);
        owner[1] = u8::try_from(out.len()).expect("near the beginning");
        out.extend(labels);
    }
    for address in found {
        // The owner's name, the type, class IN, how long it may be remembered.
        out.extend(owner);
        out.extend([0, kind.to_be_bytes()[1], 0, 1, 0, 0, 0, lives, 0]);
        out.push(u8::try_from(address.len()).expect("short"));
        out.extend(address);
    }
    (name, kind, Some(out))
}

impl NameServer {
    /// For a configuration, before its sections.
    pub(crate) fn line(&self) -> String {
        format!("dns = [\"{}\"]\n", self.address)
    }

    /// The next question.
    pub(crate) async fn asked(&mut self) -> Question {
        soon(self.asked.recv()).await.expect("the server runs")
    }

    /// All questions so far.
    pub(crate) fn all(&mut self) -> Vec<(String, u16)> {
        let mut all = Vec::new();
        while let Ok(question) = self.asked.try_recv() {
            all.push((question.name, question.kind));
        }
        all
    }
}

impl Question {
    /// Whether whoever asked waits for the answer. The second datagram is refused when the first one met no socket.
    pub(crate) async fn is_open(&self) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        socket.connect(self.from).await.expect("an address");
        let sent = async || -> io::Result<()> {
            socket.send(b"?").await?;
            socket.send(b"?").await?;
            Ok(())
        };
        sent().await.is_ok()
    }
}
