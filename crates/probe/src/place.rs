//! The gateway under test: where it is, and how much memory it has.

use std::fs;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::facts::Outcome;

pub(crate) struct Place {
    /// `http://localhost:PORT/`
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) address: SocketAddr,
    /// Only for those who ask for metrics.
    admin: Option<SocketAddr>,
    pid: u32,
}

impl Place {
    pub(crate) fn from_environment() -> Outcome<Place> {
        let get = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
        let url = get("GATEWAY")?;
        let port = url.trim_end_matches('/').rsplit(':').next().unwrap_or_default().parse()?;
        Ok(Place {
            url,
            token: get("TOKEN")?,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            admin: get("ADMIN")
                .ok()
                .map(|url| url.trim_start_matches("http://").trim_end_matches('/').parse())
                .transpose()?,
            pid: get("PID")?.parse()?,
        })
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
