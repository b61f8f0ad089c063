//! What stands on stdout once a gateway is ready: one line of JSON for programs, or what people want to know.

mod qr;

use std::io::{self, Write as _};
use std::path::Path;

use pageport_gateway::Bound;
use pageport_gateway::address::PublicAddress;
use serde::Serialize;

/// The line for programs; its fields are a promise.
#[derive(Serialize)]
struct Ready<'a> {
    event: &'static str,
    url: String,
    admin: String,
    link: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lan: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    allow: &'a [String],
}

/// Prints the line for programs, exactly one.
///
/// `allowed`: what was said by `--allow`.
pub(crate) fn json(gateway: &Bound, allowed: &[String]) {
    let public = gateway.public();
    let ready = Ready {
        event: "ready",
        url: public.url(),
        admin: admin(gateway),
        link: public.link_websocket(),
        lan: gateway.lan().map(PublicAddress::url),
        allow: allowed,
    };
    say(&(serde_json::to_string(&ready).unwrap_or_default() + "\n"));
}

/// The lines for people who run `gateway`.
pub(crate) fn gateway(gateway: &Bound) {
    say(&format!(
        "Pageport {} is ready: {}\n{}",
        env!("CARGO_PKG_VERSION"),
        gateway.public().url(),
        lines(gateway)
    ));
}

/// The lines for people who run `dev`.
pub(crate) fn dev(gateway: &Bound, token: &Path, allowed: &[String]) {
    let url = gateway.public().url();
    let text = format!(
        "Pageport {} is ready: {url}\n\n  gallery   {url}\n{}  token     {}  (for programs)\n{}\n{}\n\nCtrl-C stops it.\n",
        env!("CARGO_PKG_VERSION"),
        lines(gateway),
        token.display(),
        gateway.lan().map(elsewhere).unwrap_or_default(),
        openness(gateway, allowed),
    );
    say(&text);
}

/// For whoever holds a phone beside this machine.
fn elsewhere(lan: &PublicAddress) -> String {
    let url = lan.url();
    let code = qr::lines(&url).unwrap_or_default();
    format!(
        "  elsewhere {url}\n\n{code}\n  Its certificate is of this gateway's own making: a browser asks once whether to trust it.\n"
    )
}

/// What is open to whom, and what is not.
fn openness(gateway: &Bound, allowed: &[String]) -> String {
    let loopback = gateway.addresses().iter().all(|address| address.ip().is_loopback());
    let (reach, others) = match (gateway.lan(), loopback) {
        (Some(_), _) => return openness_to_others(gateway, allowed),
        (None, true) => ("this machine only", "other machines;"),
        (None, false) => (
            "whoever reaches these addresses, as a visitor of a listener",
            "the gateway's own pages by any other host name;",
        ),
    };
    format!(
        "Open:     {reach}. Pages of http://localhost, http://127.0.0.1 and http://[::1]\n          \
         (any port) may attach, be servers and connect to each other; programs may with the token.\n{NAMES}{}\
         Not open: {others} pages of any other origin; connections from pages to\n          \
         {}.",
        connections(allowed),
        elsewhere_than(allowed),
    )
}

const NAMES: &str =
    "Names:    a chosen name belongs to its page's key until this stops; then the first to come has it.\n";

/// Where pages can be connected to besides each other.
fn connections(allowed: &[String]) -> String {
    if allowed.is_empty() {
        return String::new();
    }
    format!("Connect:  pages and programs may be connected to {}.\n", allowed.join(", "))
}

fn elsewhere_than(allowed: &[String]) -> &'static str {
    if allowed.is_empty() { "any server: `--allow tcp://HOST:PORT` opens one" } else { "any other server" }
}

fn openness_to_others(gateway: &Bound, allowed: &[String]) -> String {
    let lan = gateway.lan().unwrap_or_else(|| gateway.public());
    let [own, _] = gateway.public().patterns();
    let [_, path] = lan.patterns();
    format!(
        "Open:     this machine, and whoever reaches {}: they see the gallery, their tabs may be servers\n          \
         here, and so may any program that says that it is such a tab. Stop this in a network that you do not trust.\n\
         Visitors: from other machines by path, {path}, WebSocket only. {own} is found\n          \
         on this machine alone, and so are TCP ports. No name service of others is used to change that.\n{NAMES}{}\
         Not open: the metrics; pages of any other origin than {} there, and than\n          \
         http://localhost, http://127.0.0.1 and http://[::1] here; connections from pages to\n          {}.",
        lan.url(),
        connections(allowed),
        lan.site(),
        elsewhere_than(allowed),
    )
}

fn lines(gateway: &Bound) -> String {
    let public = gateway.public();
    let [own, path] = public.patterns();
    let ports = gateway.ports().map_or(String::new(), |tcp| {
        format!("  ports     {}:{}-{}  (TCP)\n", tcp.host, tcp.ports.start(), tcp.ports.end())
    });
    let listening: Vec<_> = gateway.addresses().iter().map(ToString::to_string).collect();
    format!(
        "  module    {}pageport.js\n  visitors  {own}  or by path  {path}\n{ports}  listening {}\n  admin     {}\n",
        public.url(),
        listening.join(", "),
        admin(gateway),
    )
}

fn admin(gateway: &Bound) -> String {
    format!("http://{}/", gateway.admin_address())
}

/// A closed stdout is no reason to stop serving.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
