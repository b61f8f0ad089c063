//! From a name to its addresses: the system's hosts file, otherwise DNS. A lookup is a future like any other, so it ends with whoever wanted
//! it; the C library's would go on in a thread of its own. Names are asked for as they are written: no search list makes others of them.
//!
//! Must never judge an address.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use pageport_proto::Code;
use tokio::time::timeout;

use crate::lifetime::Slots;

/// How the system finds names. When one of these changes, it is read again.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];
/// How long the addresses of one family wait for those of the other (RFC 8305 §3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// Answers that are remembered, each for as long as it says. Under a rule with a wildcard names are as many as callers like.
const REMEMBERED: u64 = 1_024;

/// Looks names up, so many at once.
#[derive(Default)]
pub(super) struct Resolver {
    at_once: Slots,
    made: Mutex<Option<Arc<Made>>>,
}

/// What was made of the system's files, and when these had changed.
struct Made {
    servers: Box<[SocketAddr]>,
    changed: [Option<SystemTime>; 2],
    hosts: Hosts,
    /// `None`: nobody can be asked.
    dns: Option<TokioResolver>,
}

impl Resolver {
    /// All addresses of a name, from these servers, or without any from the system's. `limit` is for all lookups at once.
    ///
    /// # Errors
    /// [`Code::ERR_TARGET_UNRESOLVED`], [`Code::ERR_OVERLOADED`].
    pub(super) async fn lookup(
        &self,
        name: &str,
        servers: &[SocketAddr],
        limit: u64,
    ) -> Result<Vec<IpAddr>, Code> {
        let _slot = self.at_once.take(limit).ok_or(Code::ERR_OVERLOADED)?;
        let name = Name::from_labels(name.split('.').map(str::as_bytes));
        let name = name.map_err(|_| Code::ERR_TARGET_UNRESOLVED)?;
        let found = self.made(servers).lookup(name).await;
        if found.is_empty() { Err(Code::ERR_TARGET_UNRESOLVED) } else { Ok(found) }
    }

    fn made(&self, servers: &[SocketAddr]) -> Arc<Made> {
        let changed = FILES.map(|file| fs::metadata(file).and_then(|data| data.modified()).ok());
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some(made) if made.changed == changed && *made.servers == *servers => Arc::clone(made),
            _ => Arc::clone(made.insert(Arc::new(Made::new(servers, changed)))),
        }
    }
}

impl Made {
    fn new(servers: &[SocketAddr], changed: [Option<SystemTime>; 2]) -> Made {
        let hosts = Hosts::from_system().unwrap_or_default();
        let dns = dns(servers)
            .inspect_err(|error| tracing::warn!(%error, "no name server: only the hosts file counts"));
        Made { servers: servers.into(), changed, hosts, dns: dns.ok() }
    }

    async fn lookup(&self, name: Name) -> Vec<IpAddr> {
        let in_file = |kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind));
        let in_file = [RecordType::AAAA, RecordType::A].into_iter().filter_map(in_file);
        let in_file: Vec<_> = in_file.flat_map(|lookup| addresses(&lookup)).collect();
        match &self.dns {
            Some(dns) if in_file.is_empty() => ask(dns, name).await,
            _ => in_file,
        }
    }
}

fn dns(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = servers.iter().map(|server| {
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            config.connections.iter_mut().for_each(|connection| connection.port = server.port());
            config
        });
        let config = ResolverConfig::from_name_servers(servers.collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.cache_size = REMEMBERED;
    // That file stands above DNS for a name as a whole, not for each family of addresses.
    options.use_hosts_file = ResolveHosts::Never;
    builder.build()
}

/// Both families at once. A server that is silent about one of them must not hide the other.
async fn ask(dns: &TokioResolver, name: Name) -> Vec<IpAddr> {
    let six = family(dns, name.clone(), RecordType::AAAA);
    let four = family(dns, name, RecordType::A);
    tokio::pin!(six, four);
    tokio::select! {
        mut found = &mut six => {
            let other = rest(&found, four).await;
            found.extend(other);
            found
        }
        found = &mut four => {
            let mut all = rest(&found, six).await;
            all.extend(found);
            all
        }
    }
}

async fn rest(found: &[IpAddr], other: impl Future<Output = Vec<IpAddr>>) -> Vec<IpAddr> {
    if found.is_empty() { other.await } else { timeout(RESOLUTION_DELAY, other).await.unwrap_or_default() }
}

async fn family(dns: &TokioResolver, name: Name, kind: RecordType) -> Vec<IpAddr> {
    match dns.lookup(name, kind).await {
        Ok(lookup) => addresses(&lookup),
        Err(error) => {
            tracing::debug!(%kind, %error, "nothing found");
            Vec::new()
        }
    }
}

fn addresses(lookup: &Lookup) -> Vec<IpAddr> {
    lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect()
}
