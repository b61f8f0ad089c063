//! What Pageport is meant to reach, as ratios to the best raw relay of the same run, and whether it did.

use super::Results;

pub(crate) struct Aim {
    pub(crate) name: String,
    bound: Bound,
    unit: &'static str,
    pub(crate) seen: Option<f64>,
    /// What the load program is told for a profile.
    pub(crate) load: Option<&'static [&'static str]>,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Aim {
    /// The same with a load for a profile.
    pub(super) fn by(self, load: &'static [&'static str]) -> Aim {
        Aim { load: Some(load), ..self }
    }

    pub(super) fn at_least(name: String, bound: f64, seen: Option<f64>) -> Aim {
        Aim { name, bound: Bound::AtLeast(bound), unit: "", seen, load: None }
    }

    pub(super) fn at_most(name: String, bound: f64, unit: &'static str, seen: Option<f64>) -> Aim {
        Aim { name, bound: Bound::AtMost(bound), unit, seen, load: None }
    }

    pub(crate) fn met(&self) -> bool {
        match (self.bound, self.seen) {
            (Bound::AtLeast(bound), Some(seen)) => seen >= bound,
            (Bound::AtMost(bound), Some(seen)) => seen <= bound,
            (_, None) => false,
        }
    }

    pub(crate) fn line(&self) -> String {
        let (word, bound) = match self.bound {
            Bound::AtLeast(bound) => ("at least", bound),
            Bound::AtMost(bound) => ("at most", bound),
        };
        let seen = self.seen.map_or("not measured".to_owned(), |seen| format!("{seen:.2}{}", self.unit));
        let verdict = if self.met() { "met" } else { "missed" };
        format!("{}: {word} {bound}{}, seen {seen}: {verdict}", self.name, self.unit)
    }
}

pub(crate) fn all(results: &Results) -> Vec<Aim> {
    let ratio = |name: &str, load: &'static [&'static str], number, bound| {
        let seen = ratio(results, number, "Pageport");
        Aim { load: Some(load), ..Aim::at_least(name.to_owned(), bound, seen) }
    };
    vec![
        ratio("bulk to the visitor", &["bulk", "down", "3221225472"], "down.mb_s", 0.6),
        ratio("bulk to the service", &["bulk", "up", "3221225472"], "up.mb_s", 0.6),
        ratio("round trips", &["trips", "64", "3"], "trips.per_s", 0.94),
        ratio("set-ups", &["setups", "16", "3"], "setups.per_s", 0.8),
        Aim::at_most(
            "gateway's memory for an idle connection".to_owned(),
            8.0,
            " KiB",
            results.number("idle/Pageport/near_bytes").map(|bytes| bytes / 1024.0),
        ),
    ]
}

/// A contestant's median as part of the better raw relay's.
pub(crate) fn ratio(results: &Results, number: &str, contestant: &str) -> Option<f64> {
    let median = |name: &str| results.number(&format!("rounds/{number}/{name}/median"));
    let best = f64::max(median("raw splice")?, median("raw copy")?);
    Some(median(contestant)? / best)
}
