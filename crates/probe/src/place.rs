//! The gateway under test: where it is, by which carrier it is reached, and how much memory it has.

use std::fs;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pageport_link::{CarrierKind, Connector, HttpMode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::facts::Outcome;

/// How a session with the gateway is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) kind: CarrierKind,
    pub(crate) mode: HttpMode,
}

pub(crate) struct Place {
    /// `http://localhost:PORT/`
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) address: SocketAddr,
    /// What `CARRIER` says; native programs take `bytes`.
    pub(crate) way: Way,
    /// Only for those who ask for metrics.
    admin: Option<SocketAddr>,
    pid: u32,
}

impl Way {
    fn named(name: &str) -> Outcome<Way> {
        let (kind, mode) = match name {
            "bytes" => (CarrierKind::Bytes, HttpMode::Detect),
            "websocket" => (CarrierKind::WebSocket, HttpMode::Detect),
            "webtransport" => (CarrierKind::WebTransport, HttpMode::Detect),
            "http" => (CarrierKind::Http, HttpMode::Detect),
            "http-poll" => (CarrierKind::Http, HttpMode::Poll),
            other => return Err(format!("there is no carrier `{other}`").into()),
        };
        Ok(Way { kind, mode })
    }
}

impl Place {
    pub(crate) fn from_environment() -> Outcome<Place> {
        let get = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
        Ok(Place {
            way: Way::named(&get("CARRIER").unwrap_or_else(|_| "bytes".to_owned()))?,
            admin: get("ADMIN")
                .ok()
                .map(|url| url.trim_start_matches("http://").trim_end_matches('/').parse())
                .transpose()?,
            ..Place::of(&get("GATEWAY")?, &get("TOKEN")?, get("PID")?.parse()?)?
        })
    }

    /// Connects by the carrier that is asked for.
    pub(crate) async fn connector(&self) -> Outcome<Connector> {
        let connector = Connector::new(&self.url)?
            .credential(self.token.clone())
            .dial(self.address)
            .carriers(&[self.way.kind])
            .http_mode(self.way.mode);
        Ok(match self.way.kind {
            CarrierKind::WebTransport => connector.certificate_hashes(&[self.hash().await?]),
            _ => connector,
        })
    }

    /// One that was started for this.
    pub(crate) fn of(url: &str, token: &str, pid: u32) -> Outcome<Place> {
        let port = url.trim_end_matches('/').rsplit(':').next().unwrap_or_default().parse()?;
        Ok(Place {
            url: url.to_owned(),
            token: token.to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            way: Way::named("bytes")?,
            admin: None,
            pid,
        })
    }

    /// Of the certificate that the gateway shows over QUIC.
    pub(crate) async fn hash(&self) -> Outcome<[u8; 32]> {
        let mut socket = TcpStream::connect(self.address).await?;
        let request = "GET /.well-known/pageport HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        let document: Value = serde_json::from_str(answer.split_once("\r\n\r\n").ok_or("no body")?.1)?;
        let carriers = document["carriers"].as_array().ok_or("no carriers")?;
        let offer = carriers.iter().find(|carrier| carrier["kind"] == "webtransport");
        let hash = offer.and_then(|offer| offer["hashes"][0].as_str()).ok_or("no WebTransport")?;
        Ok(URL_SAFE_NO_PAD.decode(hash)?.try_into().map_err(|_| "not 32 bytes")?)
    }

    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// Connections that the front door has taken so far.
    pub(crate) async fn connections(&self) -> Outcome<usize> {
        let mut socket = TcpStream::connect(self.admin.ok_or("ADMIN is not set")?).await?;
        socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        let line = answer.lines().find_map(|line| line.strip_prefix("pageport_connections_total "));
        Ok(line.ok_or("no metrics")?.parse()?)
    }

    /// Resident memory in KiB, now.
    pub(crate) fn rss(&self) -> Outcome<u64> {
        self.status("VmRSS:")
    }

    /// The highest resident memory in KiB since the last [`Place::forget_peak`].
    pub(crate) fn peak(&self) -> Outcome<u64> {
        self.status("VmHWM:")
    }

    pub(crate) fn forget_peak(&self) -> Outcome {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.pid), "5")?)
    }

    fn status(&self, field: &str) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("the gateway is gone")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}
