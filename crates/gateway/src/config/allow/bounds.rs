//! Limits of a rule: name, range and reason, in one table. What a rule does not say it does not limit; what all callers together and each session may have
//! stands in `[limits]`.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::diagnostic::{ConfigError, Source};
use crate::config::raw::{Located, Scalar};
use crate::config::units::{KIB, Kind, MIB, millis};
use crate::egress::Bounds;

/// A limit as it is written.
pub(crate) type RawBounds = Option<Located<Scalar>>;

const DAY: u64 = 86_400_000;

/// A row of the table.
pub(crate) struct Bound {
    pub(crate) name: &'static str,
    kind: Kind,
    range: RangeInclusive<u64>,
    pub(crate) reason: &'static str,
    get: fn(&Bounds) -> Option<u64>,
    set: fn(&mut Bounds, u64),
}

/// In the order in which they are printed.
pub(crate) const TABLE: [Bound; 5] = [
    Bound {
        name: "connections",
        kind: Kind::Count,
        range: 1..=1_000_000,
        reason: "Connections at once, over all callers: what the target can stand.",
        get: |bounds| bounds.connections,
        set: |bounds, value| bounds.connections = Some(value),
    },
    Bound {
        name: "rate",
        kind: Kind::Count,
        range: 1..=1_000_000,
        reason: "Connections that begin in a second, and in one burst, over all callers: more is no use, but a search for passwords.",
        get: |bounds| bounds.rate,
        set: |bounds, value| bounds.rate = Some(value),
    },
    Bound {
        name: "bytes_per_second",
        kind: Kind::Size,
        range: KIB..=1_048_576 * MIB,
        reason: "What each connection moves in a second, both ways together; what is more waits where it comes from.",
        get: |bounds| bounds.bytes_per_second,
        set: |bounds, value| bounds.bytes_per_second = Some(value),
    },
    Bound {
        name: "idle",
        kind: Kind::Time,
        range: 100..=365 * DAY,
        reason: "How long a connection stays on which nothing moves: nobody is left to close a forgotten one.",
        get: |bounds| bounds.idle.map(millis),
        set: |bounds, value| bounds.idle = Some(Duration::from_millis(value)),
    },
    Bound {
        name: "lifetime",
        kind: Kind::Time,
        range: 100..=365 * DAY,
        reason: "How long a connection stays at all: whoever was let in once is asked again.",
        get: |bounds| bounds.lifetime.map(millis),
        set: |bounds, value| bounds.lifetime = Some(Duration::from_millis(value)),
    },
];

impl Bound {
    /// The value as it is written.
    pub(crate) fn format(&self, bounds: &Bounds) -> Option<String> {
        (self.get)(bounds).map(|value| self.kind.format(value))
    }

    /// The range as it is written.
    pub(crate) fn format_range(&self) -> String {
        self.kind.format_range(&self.range)
    }
}

/// The limits of a rule, in the order of the table.
pub(crate) fn check(raw: [&RawBounds; 5], source: &Source) -> Result<Bounds, ConfigError> {
    let mut bounds = Bounds::default();
    for (bound, entry) in TABLE.iter().zip(raw) {
        let Some(entry) = entry else { continue };
        let value = bound
            .kind
            .read(bound.name, &bound.range, &entry.value)
            .map_err(|message| source.error(&entry.at, message, Some(bound.reason.to_owned())))?;
        (bound.set)(&mut bounds, value);
    }
    Ok(bounds)
}
