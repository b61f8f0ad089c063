//! What clients that exist speak, from one end of a gateway to the other: WebSocket to TCP, `Upgrade: tcp` and Wisp, beside what others have
//! for it, and beside one hop that knows nothing.
//!
//! | module | what |
//! |---|---|
//! | `rigs` | who is measured |
//! | `measures` | what is measured of whom, and how a load is told so |
//!
//! Before anything is timed, bytes of every rig are compared by hash, and a relay that changes one bit must be noticed.

mod measures;
mod rigs;

use super::options::Options;
use super::results::Results;
use super::results::dialects::aims;
use super::samples::Samples;
use super::{load, machine, profile};
use crate::failure::{Outcome, failed};
use measures::{MEASURES, Measure};
use rigs::{Rig, Speaks};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

/// Allocators give back what they will give back within this.
const SETTLE: Duration = Duration::from_secs(2);
/// What is compared byte for byte.
const COMPARED: &str = "8388608";

pub(super) fn run(options: &Options, results: &mut Results) -> Outcome {
    let mut said = Map::new();
    said.insert("machine".into(), machine::facts(options)?);
    let _service = super::field::service()?;
    let rigs = rigs::start()?;
    let versions: Value =
        rigs.iter().map(|rig| json!({ "name": rig.name, "version": rig.version })).collect();
    said.insert("rigs".into(), versions);
    said.insert("compared".into(), compare(&rigs)?);
    said.insert("idle".into(), idle(&rigs, options)?);
    said.insert("rounds".into(), rounds(&rigs, options)?);
    results.set("dialects", Value::Object(said.clone()));
    said.insert("profiles".into(), profiles(&rigs, results)?);
    said.insert("load_at_end".into(), machine::load_average()?.into());
    results.set("dialects", Value::Object(said));
    Ok(())
}

/// By hash, and the control: nobody that changes a bit would be measured.
fn compare(rigs: &[Rig]) -> Outcome<Value> {
    let mut all = Map::new();
    for rig in rigs {
        println!("bench: comparing what goes through {}", rig.name);
        let said = match rig.speaks {
            Speaks::Wisp => rig.load(&["wisp", "verify", COMPARED, "16"])?,
            Speaks::Connections => rig.load(&["verify", COMPARED])?,
        };
        all.insert(rig.name.to_owned(), said);
    }
    let spoilt = rigs::spoiling()?;
    let is_noticed = spoilt.load(&["verify", COMPARED]).is_err();
    if !is_noticed || spoilt.load(&["verify", "1000"]).is_err() {
        return Err(failed("a relay that changes one bit is not noticed, or one that has not yet"));
    }
    all.insert("control".into(), "a changed bit is noticed".into());
    Ok(Value::Object(all))
}

fn idle(rigs: &[Rig], options: &Options) -> Outcome<Value> {
    let mut all = Map::new();
    for rig in rigs.iter().filter(|rig| rig.speaks == Speaks::Connections) {
        let count = if options.quick { rig.crowd.min(500) } else { rig.crowd };
        println!("bench: {count} idle connections of {}", rig.name);
        // Code and tables that the first connections bring in are nobody's connection.
        rig.load(&["exactly", "16", "100"])?;
        thread::sleep(SETTLE);
        let before = rig.process.pss()?;
        let idle = load::Idle::open_with(rig.bearer(), count, &rig.target)?;
        thread::sleep(SETTLE);
        let with = rig.process.pss()?;
        idle.close(count)?;
        #[expect(clippy::cast_precision_loss)]
        let each = (with - before) / count as f64;
        all.insert(rig.name.to_owned(), json!({ "connections": count, "bytes": each, "base_bytes": before }));
    }
    Ok(Value::Object(all))
}

fn rounds(rigs: &[Rig], options: &Options) -> Outcome<Value> {
    let mut seen: BTreeMap<(String, &str), Samples> = BTreeMap::new();
    // The first transfer of a fresh process grows its windows and its memory.
    for rig in rigs {
        for measure in MEASURES.iter().filter(|measure| measure.is_bulk && measure.of == rig.speaks) {
            once(rig, measure, options)?;
        }
    }
    for round in 0..options.rounds {
        println!("bench: round {} of {}", round + 1, options.rounds);
        for measure in MEASURES {
            for index in 0..rigs.len() {
                let rig = &rigs[(index + round) % rigs.len()];
                if measure.of != rig.speaks {
                    continue;
                }
                for (number, value) in once(rig, measure, options)? {
                    seen.entry((format!("{}.{number}", measure.name), rig.name)).or_default().push(value);
                }
            }
        }
    }
    let mut all = Map::new();
    for ((number, rig), samples) in seen {
        let entry = all.entry(number).or_insert_with(|| json!({}));
        entry[rig] = samples.json();
    }
    Ok(Value::Object(all))
}

/// One load. Whatever has moved nothing is no measurement.
fn once(rig: &Rig, measure: &Measure, options: &Options) -> Outcome<Vec<(&'static str, f64)>> {
    let before = rig.process.cpu()?;
    let args = measure.args(options);
    let said = rig.load(&args.iter().map(String::as_str).collect::<Vec<_>>())?;
    let cpu = rig.process.cpu()? - before;
    let number = |name: &str| load::number(&said, name);
    let mut all = vec![("busy", number("busy")?)];
    let moved = number(measure.moved())?;
    if moved < measure.least(options) {
        return Err(failed(format!("{} moved {moved} of {}", rig.name, measure.name)));
    }
    if measure.is_bulk {
        all.extend([("mb_s", number("mb_s")?), ("cpu_s_gb", cpu / moved * 1e9)]);
    } else {
        all.extend([("per_s", number("per_s")?), ("cpu_us", cpu / moved * 1e6)]);
    }
    if measure.moved() == "trips" {
        all.extend([("p50_us", number("p50_us")?), ("p99_us", number("p99_us")?)]);
    }
    Ok(all)
}

/// Where the time of Pageport goes, for each aim that it has missed.
fn profiles(rigs: &[Rig], results: &Results) -> Outcome<Value> {
    let mut profiles = Map::new();
    for aim in aims(results).into_iter().filter(|aim| !aim.met()) {
        let rig = rigs.iter().find(|rig| aim.name.starts_with(rig.name));
        if let (Some(load), Some(rig)) = (aim.load, rig) {
            println!("bench: {} was missed: profile", aim.name);
            let args = rig.args(load);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            profiles.insert(aim.name.clone(), profile::of_load(&[rig.process.pid()], rig.bearer(), &args)?);
        }
    }
    Ok(Value::Object(profiles))
}
