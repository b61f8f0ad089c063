//! What may be said to `expose` and `connect`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

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
    /// The gateway
    #[arg(long, value_name = "URL", default_value = "http://localhost:7070", env = "PAGEPORT_GATEWAY")]
    pub(crate) gateway: String,
    /// The credential; better in the environment, where other users cannot see it. `pageport dev` on this machine needs none
    #[arg(long, value_name = "TOKEN", env = "PAGEPORT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// What `connect` takes.
#[derive(Debug, Args)]
pub(crate) struct ConnectFlags {
    /// The listener: page:NAME, ws://NAME.GATEWAY/, or tcp://HOST:PORT
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) gateway: GatewayAccess,
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
  pageport connect tcp://localhost:7105          like nc
  pageport connect ws://NAME.localhost:7070/     binary messages as bytes; text messages too
  pageport connect page:NAME                     a page, or `pageport expose --page`, at the same gateway: nothing of it is public
  ssh -o ProxyCommand='pageport connect ws://NAME.localhost:7070/' user@host

Only page:NAME needs a gateway and a token. The end of stdin ends the sending only: what still comes is written to stdout. From a terminal, the end of what comes ends the program.

Exit codes: 0 both directions ended in order, 1 no connection or it broke, 2 wrong usage.";
