//! What stands on stdout once a gateway is ready: one line of JSON for programs, or what people want to know.

use std::io::{self, Write as _};
use std::path::Path;

use pageport_gateway::Bound;
use serde::Serialize;

/// The line for programs; its fields are a promise.
#[derive(Serialize)]
struct Ready {
    event: &'static str,
    url: String,
    admin: String,
    link: String,
}

/// Prints the line for programs, exactly one.
pub(crate) fn json(gateway: &Bound) {
    let public = gateway.public();
    let ready =
        Ready { event: "ready", url: public.url(), admin: admin(gateway), link: public.link_websocket() };
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
pub(crate) fn dev(gateway: &Bound, token: &Path) {
    let url = gateway.public().url();
    let loopback = gateway.addresses().iter().all(|address| address.ip().is_loopback());
    let (reach, others) = if loopback {
        ("this machine only", "other machines;")
    } else {
        (
            "whoever reaches these addresses, as a visitor of a listener",
            "the gateway's own pages by any other host name;",
        )
    };
    let text = format!(
        "Pageport {} is ready: {url}\n\n  gallery   {url}\n{}  token     {}  (for programs)\n\n\
         Open:     {reach}. Pages of http://localhost, http://127.0.0.1 and http://[::1]\n          \
         (any port) may attach and be WebSocket servers; programs may with the token.\n\
         Names:    a chosen name belongs to its page's key until this stops; then the first to come has it.\n\
         Not open: {others} pages of any other origin; connections from pages to\n          \
         anywhere: nothing is allowed yet.\n\nCtrl-C stops it.\n",
        env!("CARGO_PKG_VERSION"),
        lines(gateway),
        token.display(),
    );
    say(&text);
}

fn lines(gateway: &Bound) -> String {
    let public = gateway.public();
    let [own, path] = public.patterns();
    let listening: Vec<_> = gateway.addresses().iter().map(ToString::to_string).collect();
    format!(
        "  module    {}pageport.js\n  visitors  {own}  or by path  {path}\n  listening {}\n  admin     {}\n",
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
