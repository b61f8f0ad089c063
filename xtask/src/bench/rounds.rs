//! Everything that is compared, round by round: in each round every measurement visits every contestant, and each round begins with
//! another one, so that a slow minute of the machine is nobody's.

use super::contestant::Contestant;
use super::field::Field;
use super::load;
use super::options::Options;
use super::samples::Samples;
use crate::failure::Outcome;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a round measures: a load, and what is kept of what it says.
pub(super) struct Measure {
    pub(super) name: &'static str,
    /// Whether processor time is taken for each gigabyte.
    bytes: bool,
}

pub(super) const MEASURES: &[Measure] = &[
    Measure { name: "down", bytes: true },
    Measure { name: "up", bytes: true },
    Measure { name: "trips", bytes: false },
    Measure { name: "setups", bytes: false },
];

/// Medians and ranges: measurement, number, contestant.
pub(super) fn run(field: &Field, options: &Options) -> Outcome<Value> {
    let mut seen: BTreeMap<(String, &str), Samples> = BTreeMap::new();
    // The first transfer of a fresh process grows its windows and its memory.
    for contestant in &field.contestants {
        MEASURES[..2].iter().try_for_each(|measure| once(contestant, measure, options).map(drop))?;
    }
    for round in 0..options.rounds {
        println!("bench: round {} of {}", round + 1, options.rounds);
        for measure in MEASURES {
            for index in 0..field.contestants.len() {
                let contestant = &field.contestants[(index + round) % field.contestants.len()];
                for (number, value) in once(contestant, measure, options)? {
                    let key = (format!("{}.{number}", measure.name), contestant.name);
                    seen.entry(key).or_default().push(value);
                }
            }
        }
    }
    let mut all = Map::new();
    for ((number, contestant), samples) in seen {
        let entry = all.entry(number).or_insert_with(|| json!({}));
        entry[contestant] = samples.json();
    }
    Ok(Value::Object(all))
}

fn once(contestant: &Contestant, measure: &Measure, options: &Options) -> Outcome<Vec<(&'static str, f64)>> {
    let before = contestant.cpu()?;
    let args = args(measure.name, options);
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    args.push(&contestant.target);
    let said = load::run(&args)?;
    let cpu = contestant.cpu()? - before;
    if measure.bytes {
        #[expect(clippy::cast_precision_loss)]
        let gigabytes = bytes(options) as f64 / 1e9;
        return Ok(vec![("mb_s", load::number(&said, "mb_s")?), ("cpu_s_gb", cpu / gigabytes)]);
    }
    let numbers: &[&'static str] =
        if measure.name == "trips" { &["per_s", "p50_us", "p99_us"] } else { &["per_s"] };
    numbers.iter().map(|name| Ok((*name, load::number(&said, name)?))).collect()
}

/// What the load program is told, but for the target.
pub(super) fn args(measure: &str, options: &Options) -> Vec<String> {
    let bytes = bytes(options).to_string();
    let seconds = if options.quick { "0.5" } else { "1.5" };
    let args = match measure {
        "down" => vec!["bulk", "down", &bytes],
        "up" => vec!["bulk", "up", &bytes],
        "trips" => vec!["trips", "64", seconds],
        _ => vec!["setups", "16", seconds],
    };
    args.into_iter().map(str::to_owned).collect()
}

pub(super) fn bytes(options: &Options) -> u64 {
    if options.quick { 64 << 20 } else { 512 << 20 }
}
