//! What may be said to `expose` and `connect`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use pageport_gateway::config::parse_duration;

use crate::connect::socks;
use crate::expose::{HostHeader, Target};

/// What `expose` takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("kind"))]
pub(crate) struct ExposeFlags {
    /// The service: a port of this machine, or host:port
    #[arg(value_name = "TARGET")]
    pub(crate) target: Target,
    /// The service speaks HTTP; WebSocket upgrades pass through (this is the default)
    #[arg(long, group = "kind")]
    pub(crate) http: bool,
    /// The service speaks TCP, and visitors come by WebSocket: binary messages carry its bytes, as with `pageport connect`
    #[arg(long, group = "kind")]
    pub(crate) websocket: bool,
    /// The service speaks TCP, and gets a public port of the gateway
    #[arg(long, group = "kind")]
    pub(crate) tcp: bool,
    /// The service speaks TCP, and its visitors are pages that connect to `page:NAME`, and `pageport connect page:NAME`
    #[arg(long, group = "kind")]
    pub(crate) page: bool,
    /// The public port that is wanted; any, without this
    #[arg(long, value_name = "PORT", conflicts_with_all = ["http", "websocket", "page", "name"])]
    pub(crate) port: Option<u16>,
    /// The name that is wanted; a random one, without this
    #[arg(long, value_name = "NAME", conflicts_with = "tcp")]
    pub(crate) name: Option<String>,
    /// The file with the key that name or port belong to; it is made when there is none
    /// [default: $XDG_STATE_HOME/pageport/identity.pem with --name or --port, otherwise a key for this run]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// What the service sees as Host: `target`, `visitor`, or a host of your own
    #[arg(long, value_name = "HOST", default_value = "target", conflicts_with_all = ["websocket", "tcp", "page", "port"])]
    pub(crate) host_header: HostHeader,
    #[command(flatten)]
    pub(crate) gateway: GatewayAccess,
    /// Print events as lines of JSON: listening, visitor, away, lost, ended
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the gateway is, and what opens it.
#[derive(Debug, Args)]
pub(crate) struct GatewayAccess {
    /// The gateway [default: http://localhost:7070]
    #[arg(long, value_name = "URL", env = "PAGEPORT_GATEWAY")]
    pub(crate) gateway: Option<String>,
    /// The credential; better in the environment, where other users cannot see it. `pageport dev` on this machine needs none
    #[arg(long, value_name = "TOKEN", env = "PAGEPORT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

impl GatewayAccess {
    /// Where the gateway is.
    pub(crate) fn url(&self) -> &str {
        self.gateway.as_deref().unwrap_or("http://localhost:7070")
    }
}

/// What `connect` takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["url", "socks"]))]
pub(crate) struct ConnectFlags {
    /// A server that the gateway allows: tcp://HOST:PORT with --gateway, tls://HOST:PORT; a page: page:NAME; or a listener's own address:
    /// ws://NAME.GATEWAY/, tcp://HOST:PORT without --gateway
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) gateway: GatewayAccess,
    /// Be a SOCKS5 server instead, whose connections the gateway makes: at a port of 127.0.0.1, or at ADDRESS:PORT; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) socks: Option<socks::Address>,
    #[command(flatten)]
    pub(crate) socks_flags: SocksFlags,
    /// Print events as lines of JSON: on stderr for a pipe (connected, failed), on stdout with --socks (ready, refused, ended, bad, full)
    #[arg(long)]
    pub(crate) json: bool,
}

/// How the SOCKS server serves.
#[derive(Debug, Args)]
pub(crate) struct SocksFlags {
    /// What clients must know, at 1 to 255 bytes each; without it every user of this machine may use the server, and no other machine. Better
    /// in the environment
    #[arg(long, value_name = "USER:PASSWORD", env = "PAGEPORT_SOCKS_AUTH", hide_env_values = true)]
    pub(crate) socks_auth: Option<socks::Credentials>,
    /// Connections at once, 1 to 65536: a gateway gives one session 256, unless its operator says otherwise. One more is closed at once
    #[arg(long, value_name = "COUNT", default_value = socks::CONNECTIONS, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) socks_connections: u32,
    /// For all that a client says before its request is complete, 100ms to 2m: programs say it at once, what is slower only holds a place
    #[arg(long, value_name = "TIME", default_value = socks::HANDSHAKE, value_parser = handshake)]
    pub(crate) socks_handshake: Duration,
}

fn handshake(text: &str) -> Result<Duration, String> {
    let fits = |time: &Duration| (Duration::from_millis(100)..=Duration::from_secs(120)).contains(time);
    parse_duration(text).filter(fits).ok_or_else(|| "100ms to 2m, such as 10s".to_owned())
}

/// Behind the help of `expose`.
pub(crate) const EXPOSE_EXAMPLES: &str = "\
Examples:
  pageport expose 3000                     a website or API at http://localhost:3000
  pageport expose 3000 --name shop         the same at a name that nobody else gets: it belongs to your key
  pageport expose 22 --tcp                 an SSH server at a public port; then: ssh -p PORT HOST
  pageport expose 5432 --tcp --port 7105   a database at the port that you say, if it is free
  pageport expose 22 --websocket           an SSH server by name; then:
                                           ssh -o ProxyCommand='pageport connect ws://NAME.localhost:7070/' user@host

The address stands on stdout, a line for each connection on stderr. When the network or the gateway goes away it comes back by itself,
for ever. Ctrl-C stops it.

Exit codes: 0 stopped by you, 1 it cannot listen (any more), 2 wrong usage.";

/// Behind the help of `connect`.
pub(crate) const CONNECT_EXAMPLES: &str = "\
Examples:
  pageport connect tcp://10.0.0.7:6667 --gateway https://gw.example     a server that the gateway allows
  pageport connect tls://imap.example:993        the same within TLS, which the gateway does and verifies
  ssh -o ProxyCommand='pageport connect tcp://%h:%p --gateway https://gw.example' user@host
  pageport connect --socks 1080 --gateway https://gw.example            for programs that speak SOCKS; then:
                                                 curl --proxy socks5h://127.0.0.1:1080 http://10.0.0.7/
  pageport connect page:NAME                     a page, or `pageport expose --page`, at the gateway: nothing of it is public
  pageport connect tcp://localhost:7105          a listener's port, like nc: no gateway is asked
  pageport connect ws://NAME.localhost:7070/     a listener; binary messages as bytes, text messages too
  ssh -o ProxyCommand='pageport connect ws://NAME.localhost:7070/' user@host

What a gateway connects to is looked up there, and is allowed by its operator's rules (`[[allow]]`, or `pageport dev --allow tcp://HOST:PORT`).
The end of stdin ends the sending only: what still comes is written to stdout. From a terminal, the end of what comes ends the program. A
connection through a gateway survives the loss of the network on the way to it.

SOCKS: version 5, CONNECT only, with IPv4, IPv6 and names. Replies: 2 forbidden, 3 the gateway is not reached, 4 not found or not reached,
5 refused, 6 no answer in time, 7 another command than CONNECT, 8 no such type of address, 1 all else; a line on stderr says more.

Exit codes: 0 both directions ended in order, or stopped by you (--socks), 1 no connection or it broke, 2 wrong usage.";
