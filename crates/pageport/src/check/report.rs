//! What was found: one object for programs, whose keys are a promise, and a table for people.

use std::fmt::Write as _;
use std::time::Duration;

use pageport_link::{Flow, LinkError, Passage, Upgrade};
use pageport_proto::Code;
use serde_json::{Value, json};

use super::carrier::{Attempt, Why};
use super::idle::Idle;
use super::offer::WebTransport;
use crate::cli::check::CarrierName;

/// Everything that was found.
#[derive(Debug)]
pub(crate) struct Report {
    gateway: String,
    proxy: Option<String>,
    requests: Requests,
    carriers: Vec<Attempt>,
    idle: Option<Idle>,
}

/// Plain requests.
#[derive(Debug)]
pub(super) struct Requests(Result<Passage, LinkError>);

impl Requests {
    pub(super) fn of(passage: Result<Passage, LinkError>) -> Requests {
        Requests(passage)
    }

    /// What one takes on an open connection.
    pub(super) fn round(&self) -> Option<Duration> {
        self.0.as_ref().ok().map(|passage| passage.round)
    }

    /// WebTransport, as the gateway says.
    pub(super) fn offer(&self) -> Result<Option<WebTransport>, ()> {
        self.0.as_ref().map(|passage| WebTransport::of(&passage.description)).map_err(|_| ())
    }

    fn json(&self) -> Value {
        match &self.0 {
            Err(error) => failure(error.code(), error),
            Ok(passage) => {
                let flow = |flow: Option<Flow>| flow.map(words);
                json!({
                    "first_ms": millis(passage.first),
                    "round_ms": millis(passage.round),
                    "answers": flow(passage.flows.map(|flows| flows.answers)),
                    "uploads": flow(passage.flows.map(|flows| flows.uploads)),
                    "duplex": passage.flows.map(|flows| flows.duplex),
                })
            }
        }
    }

    fn upgrades(&self) -> Value {
        self.0.as_ref().map_or(Value::Null, |passage| {
            let upgrades = passage.upgrades;
            json!({
                "websocket": upgrade(upgrades.websocket),
                "raw": upgrade(upgrades.raw),
                "connect": upgrades.tunnel,
            })
        })
    }

    fn upgrades_text(&self) -> Option<String> {
        let upgrades = self.0.as_ref().ok()?.upgrades;
        let tunnel =
            upgrades.tunnel.map(|tunnel| if tunnel { "; CONNECT passes" } else { "; CONNECT is refused" });
        let (websocket, raw) = (upgrade(upgrades.websocket), upgrade(upgrades.raw));
        Some(format!("websocket {websocket}, others {raw}{}", tunnel.unwrap_or_default()))
    }

    fn text(&self) -> String {
        let passage = match &self.0 {
            Err(error) => return format!("do not get through: {error}"),
            Ok(passage) => passage,
        };
        let times = format!("{} for the first, then {}", time(passage.first), time(passage.round));
        let Some(flows) = passage.flows else { return format!("get through: {times}") };
        let duplex = if flows.duplex { "" } else { " never" };
        format!(
            "get through: {times}\n          answers {}, uploads {}; answers{duplex} come before their requests have ended",
            words(flows.answers).replace('-', " "),
            words(flows.uploads).replace('-', " "),
        )
    }
}

impl Report {
    pub(super) fn new(
        gateway: &str,
        proxy: Option<&str>,
        requests: Requests,
        carriers: Vec<Attempt>,
        idle: Option<Idle>,
    ) -> Report {
        let (gateway, proxy) = (gateway.to_owned(), proxy.map(without_user));
        Report { gateway, proxy, requests, carriers, idle }
    }

    /// Why none works: of the last one, which is the plainest; `None` when some does.
    pub(crate) fn failure(&self) -> Option<Code> {
        if self.carriers.iter().any(|attempt| attempt.result.is_ok()) {
            return None;
        }
        self.carriers.last().and_then(|attempt| attempt.result.as_ref().err()).map(Why::code)
    }

    /// One object.
    pub(crate) fn json(&self) -> Value {
        let idle = self.idle.map(|idle| match idle {
            Idle::Lives { survived, gone } => {
                json!({ "survived_s": survived.as_secs_f64(), "gone_s": gone.map(|gone| gone.as_secs_f64()) })
            }
            Idle::Unknown(code) => json!({ "error": code.to_string() }),
        });
        json!({
            "gateway": self.gateway,
            "proxy": self.proxy,
            "requests": self.requests.json(),
            "upgrades": self.requests.upgrades(),
            "udp": self.udp(),
            "carriers": self.carriers.iter().map(carrier).collect::<Vec<_>>(),
            "idle": idle,
            "best": { "pages": self.best(&PAGES), "programs": self.best(&PROGRAMS) },
        })
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let through = self.proxy.as_ref().map_or(String::new(), |proxy| format!(", through {proxy}"));
        let _ = writeln!(out, "gateway   {}{through}", self.gateway);
        let _ = writeln!(out, "requests  {}", self.requests.text());
        if let Some(upgrades) = self.requests.upgrades_text() {
            let _ = writeln!(out, "upgrades  {upgrades}");
        }
        if let Some(udp) = self.udp() {
            let _ = writeln!(out, "udp       is {udp}");
        }
        if let Some(idle) = self.idle {
            let _ = writeln!(out, "quiet     {}", quiet(idle));
        }
        let columns = ["carrier", "opens", "round trip", "added", "down", "up"];
        let _ = writeln!(out, "\n{}", row(columns.map(str::to_owned)));
        for attempt in &self.carriers {
            let _ = writeln!(out, "{}", line(attempt));
        }
        let best = |of: &[CarrierName]| self.best(of).unwrap_or("nothing");
        let _ = write!(out, "\nbest      {} for pages, {} for programs\n", best(&PAGES), best(&PROGRAMS));
        out
    }

    /// Whether UDP gets to the gateway and back; `None` when it was not tried.
    fn udp(&self) -> Option<&'static str> {
        let tried = self.carriers.iter().find(|attempt| attempt.name == CarrierName::Webtransport)?;
        match &tried.result {
            Err(Why::NotOffered | Why::Proxy) => None,
            Err(Why::Link(LinkError::Io(_) | LinkError::Timeout)) => Some("closed"),
            Ok(_) | Err(Why::Link(_)) => Some("open"),
        }
    }

    /// The best one that works.
    fn best(&self, order: &[CarrierName]) -> Option<&'static str> {
        let works = |name: &&CarrierName| {
            self.carriers.iter().any(|attempt| attempt.name == **name && attempt.result.is_ok())
        };
        order.iter().find(works).map(|name| name.as_str())
    }
}

/// What is worth most, first.
const PAGES: [CarrierName; 4] =
    [CarrierName::Webtransport, CarrierName::Websocket, CarrierName::Http, CarrierName::HttpPoll];
const PROGRAMS: [CarrierName; 5] = [
    CarrierName::Bytes,
    CarrierName::Websocket,
    CarrierName::Http,
    CarrierName::HttpPoll,
    CarrierName::Webtransport,
];

/// As others say it.
fn upgrade(upgrade: Upgrade) -> &'static str {
    match upgrade {
        Upgrade::Passes => "passes",
        Upgrade::Stripped => "stripped",
        Upgrade::Refused => "refused",
        Upgrade::Swallowed => "swallowed",
    }
}

fn carrier(attempt: &Attempt) -> Value {
    let mut object = match &attempt.result {
        Err(why) => failure(why.code(), why),
        Ok(works) => json!({
            "open_ms": millis(works.open),
            "round_ms": works.measured.map(|measured| millis(measured.round)),
            "added_ms": works.added.map(millis),
            "down_mbit": works.measured.map(|measured| mbit(measured.down)),
            "up_mbit": works.measured.map(|measured| mbit(measured.up)),
        }),
    };
    object["carrier"] = attempt.name.as_str().into();
    object["works"] = attempt.result.is_ok().into();
    object
}

fn line(attempt: &Attempt) -> String {
    let name = attempt.name.as_str().to_owned();
    match &attempt.result {
        Err(error) => format!("{name:<12}  no: {error}"),
        Ok(works) => {
            let unknown = || "-".to_owned();
            let measured = works.measured;
            row([
                name,
                time(works.open),
                measured.map_or_else(unknown, |measured| time(measured.round)),
                works.added.map_or_else(unknown, time),
                measured.map_or_else(unknown, |measured| format!("{} Mbit/s", mbit(measured.down))),
                measured.map_or_else(unknown, |measured| format!("{} Mbit/s", mbit(measured.up))),
            ])
        }
    }
}

fn row([name, rest @ ..]: [String; 6]) -> String {
    let cells = rest.iter().fold(String::new(), |mut cells, cell| {
        let _ = write!(cells, "{cell:>14}");
        cells
    });
    format!("{name:<12}{cells}")
}

fn quiet(idle: Idle) -> String {
    match idle {
        Idle::Lives { survived, gone: None } => format!("connections live for {} at least", time(survived)),
        Idle::Lives { survived, gone: Some(gone) } => {
            format!("connections live for {}, and were gone after {}", time(survived), time(gone))
        }
        Idle::Unknown(code) => format!("connections: could not be found out ({code})"),
    }
}

fn failure(code: Code, why: &impl std::error::Error) -> Value {
    json!({ "error": code.to_string(), "message": why.to_string() })
}

fn words(flow: Flow) -> &'static str {
    match flow {
        Flow::Streamed => "streamed",
        Flow::HeldBack => "held-back",
    }
}

/// Three digits are all that a measurement is good for.
fn millis(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1_000.0)
}

fn mbit(bytes: f64) -> f64 {
    rounded(bytes * 8.0 / 1e6)
}

fn rounded(value: f64) -> f64 {
    let scale = if value < 10.0 {
        100.0
    } else if value < 100.0 {
        10.0
    } else {
        1.0
    };
    (value * scale).round() / scale
}

fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", millis(time))
    } else {
        format!("{} s", rounded(time.as_secs_f64()))
    }
}

fn without_user(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}{}", &url[..scheme + 3], &url[at + 1..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_proxies_no_password() {
        assert_eq!([0.12345, 1.2345, 12.345, 123.45].map(rounded), [0.12, 1.23, 12.3, 123.0]);
        assert_eq!(without_user("http://me:secret@proxy.example:3128"), "http://proxy.example:3128");
        assert_eq!(without_user("http://proxy.example"), "http://proxy.example");
    }
}
