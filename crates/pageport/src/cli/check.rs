//! What may be said to `check`.

use std::time::Duration;

use clap::{Args, ValueEnum};

/// What `check` takes.
#[derive(Debug, Args)]
pub(crate) struct CheckFlags {
    /// The gateway
    #[arg(value_name = "GATEWAY", default_value = "http://localhost:7070", env = "PAGEPORT_GATEWAY")]
    pub(crate) gateway: String,
    /// The credential; better in the environment, where other users cannot see it. `pageport dev` on this machine needs none
    #[arg(long, value_name = "TOKEN", env = "PAGEPORT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Go through a proxy: http://[USER:PASSWORD@]HOST[:PORT]
    #[arg(long, value_name = "URL", env = "PAGEPORT_PROXY", hide_env_values = true)]
    pub(crate) proxy: Option<String>,
    /// Try this one only; as often as needed [default: all but http-poll]
    #[arg(long = "carrier", value_name = "NAME", value_enum)]
    pub(crate) carriers: Vec<CarrierName>,
    /// Trust the certificates in this file (PEM), too
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<std::path::PathBuf>,
    /// Find out how long a quiet connection lives, up to this long; needs a token that may listen
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "128s", value_parser = duration)]
    pub(crate) idle: Option<Duration>,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Carriers, as they are called everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CarrierName {
    /// Frames on an upgraded connection, for programs
    Bytes,
    /// Messages of a WebSocket
    Websocket,
    /// Streams of HTTP/3, over UDP
    Webtransport,
    /// Plain requests
    Http,
    /// Plain requests whose answers are never streamed
    HttpPoll,
}

impl CarrierName {
    pub(crate) const USUAL: [CarrierName; 4] =
        [CarrierName::Bytes, CarrierName::Webtransport, CarrierName::Websocket, CarrierName::Http];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            CarrierName::Bytes => "bytes",
            CarrierName::Websocket => "websocket",
            CarrierName::Webtransport => "webtransport",
            CarrierName::Http => "http",
            CarrierName::HttpPoll => "http-poll",
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = pageport_gateway::config::parse_duration(text);
    let fits = |time: &Duration| (Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(time);
    parsed.filter(fits).ok_or_else(|| "1s to 1h, such as 60s or 5m".to_owned())
}

/// Behind the help of `check`.
pub(crate) const CHECK_EXAMPLES: &str = "\
Examples:
  pageport check                                          the gateway of `pageport dev` on this machine
  pageport check https://gw.example --proxy http://proxy.example:3128
  pageport check https://gw.example --carrier http --carrier http-poll --json
  pageport check https://gw.example --idle=5m             how soon something on the way forgets a quiet connection

What is measured goes to the gateway and back, a few seconds and at most 64 MiB for each carrier. `added` is what a carrier takes longer than
a plain request on an open connection. Without a credential only those who may attach without one learn more than whether there is a way.

Exit codes: 0 some carrier works, 1 none does, 2 wrong usage.";
