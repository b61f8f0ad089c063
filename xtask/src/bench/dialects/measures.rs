//! What is measured of whom. Sizes are such that each takes about a second.

use super::super::options::Options;
use super::rigs::Speaks;

pub(super) struct Measure {
    pub(super) name: &'static str,
    pub(super) of: Speaks,
    pub(super) is_bulk: bool,
    /// What the load program is told; `#` is how many bytes or seconds.
    args: &'static [&'static str],
}

const fn bulk(name: &'static str, of: Speaks, args: &'static [&'static str]) -> Measure {
    Measure { name, of, is_bulk: true, args }
}

const fn paced(name: &'static str, of: Speaks, args: &'static [&'static str]) -> Measure {
    Measure { name, of, is_bulk: false, args }
}

pub(super) const MEASURES: &[Measure] = &[
    bulk("down", Speaks::Connections, &["bulk", "down", "#"]),
    bulk("down", Speaks::Wisp, &["wisp", "down", "#", "1"]),
    bulk("up", Speaks::Connections, &["bulk", "up", "#"]),
    bulk("up", Speaks::Wisp, &["wisp", "up", "#", "1"]),
    bulk("down_many", Speaks::Wisp, &["wisp", "down", "#", "16"]),
    bulk("up_many", Speaks::Wisp, &["wisp", "up", "#", "16"]),
    paced("trips", Speaks::Connections, &["trips", "64", "#"]),
    paced("trips", Speaks::Wisp, &["wisp", "trips", "#", "64"]),
    paced("setups", Speaks::Connections, &["setups", "16", "#"]),
];

impl Measure {
    pub(super) fn args(&self, options: &Options) -> Vec<String> {
        let number = match (self.is_bulk, options.quick) {
            (true, _) => bytes(options).to_string(),
            // The slowest makes a hundred set-ups a second.
            (false, true) if self.name != "setups" => "0.5".to_owned(),
            (false, _) => "1.5".to_owned(),
        };
        self.args.iter().map(|&arg| if arg == "#" { number.clone() } else { arg.to_owned() }).collect()
    }

    /// Where the load says how much it has moved.
    pub(super) fn moved(&self) -> &'static str {
        match self.name {
            "trips" => "trips",
            "setups" => "done",
            _ => "bytes",
        }
    }

    /// What it moves at least, or has not run.
    #[expect(clippy::cast_precision_loss)]
    pub(super) fn least(&self, options: &Options) -> f64 {
        if self.is_bulk { bytes(options) as f64 } else { 64.0 }
    }
}

fn bytes(options: &Options) -> u64 {
    if options.quick { 64 << 20 } else { 512 << 20 }
}
