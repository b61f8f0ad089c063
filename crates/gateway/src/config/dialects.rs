//! `[dialects]`: what clients may speak here that know nothing of pages. Each has a switch of its own, and nothing is on unless it says so.

use serde::Deserialize;

use super::raw::Located;

/// Which dialects are spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dialects {
    /// `/tcp/{host}/{port}`: one TCP connection over one WebSocket.
    pub tcp: bool,
    /// `/websockify?token=…`: the same, to a target that has a public name.
    pub websockify: bool,
    /// `/tcp/{host}/{port}` by `Upgrade: tcp`: raw bytes.
    pub upgrade: bool,
    /// `/wisp/`: many connections over one WebSocket.
    pub wisp: bool,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDialects {
    tcp: Option<Located<bool>>,
    websockify: Option<Located<bool>>,
    upgrade: Option<Located<bool>>,
    wisp: Option<Located<bool>>,
}

impl Dialects {
    /// Their names, in the order in which they are printed.
    pub const NAMES: [&'static str; 4] = ["tcp", "websockify", "upgrade", "wisp"];

    /// The names of those that are on.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Dialects::NAMES.into_iter().zip(self.switches()).filter_map(|(name, on)| on.then_some(name))
    }

    fn switches(self) -> [bool; 4] {
        [self.tcp, self.websockify, self.upgrade, self.wisp]
    }
}

impl RawDialects {
    /// The place of one switch, `None` when there is no such dialect.
    pub(crate) fn place(&mut self, name: &str) -> Option<&mut Option<Located<bool>>> {
        match name {
            "tcp" => Some(&mut self.tcp),
            "websockify" => Some(&mut self.websockify),
            "upgrade" => Some(&mut self.upgrade),
            "wisp" => Some(&mut self.wisp),
            _ => None,
        }
    }
}

/// In `dev` all are on: nothing but what `--allow` names is reached there anyway.
pub(crate) fn check(raw: &RawDialects, dev: bool) -> Dialects {
    let on = |switch: &Option<Located<bool>>| switch.as_ref().map_or(dev, |switch| switch.value);
    Dialects {
        tcp: on(&raw.tcp),
        websockify: on(&raw.websockify),
        upgrade: on(&raw.upgrade),
        wisp: on(&raw.wisp),
    }
}

/// The section with its reasons.
pub(crate) fn print(text: &mut String, dialects: Dialects) {
    const REASONS: [&str; 4] = [
        "One TCP connection over one WebSocket, at /tcp/HOST/PORT.",
        "The same to targets that have a public name, at /websockify?token=NAME.",
        "Raw bytes behind `Upgrade: tcp`, at /tcp/HOST/PORT: for programs, with a token.",
        "Wisp v1 and v2, at /wisp/.",
    ];
    text.push_str(
        "\n# For clients that know nothing of pages. Who may attach may use them, and they reach what `[[allow]]` lets everybody reach.\n[dialects]\n",
    );
    for ((name, on), reason) in Dialects::NAMES.into_iter().zip(dialects.switches()).zip(REASONS) {
        text.push_str(&format!("# {reason}\n{name} = {on}\n"));
    }
}
