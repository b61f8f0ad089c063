//! Memory of idle connections: proportional memory of both sides, before and with them, in processes that have moved nothing much yet.

use super::field::Field;
use super::load::{self, Idle};
use super::options::Options;
use crate::failure::Outcome;
use serde_json::{Map, Value, json};
use std::thread;
use std::time::Duration;

/// Allocators give back what they will give back within this.
const SETTLE: Duration = Duration::from_secs(2);

pub(super) fn run(field: &Field, options: &Options) -> Outcome<Value> {
    let count = if options.quick { 500 } else { 2_000 };
    let mut all = Map::new();
    for one in &field.contestants {
        // Code and tables that the first connections bring in are nobody's connection.
        load::run(&["exactly", "16", "100", &one.target])?;
        thread::sleep(SETTLE);
        let before = (one.near.pss()?, one.far.pss()?);
        let idle = Idle::open(count, &one.target)?;
        thread::sleep(SETTLE);
        let with = (one.near.pss()?, one.far.pss()?);
        idle.close(count)?;
        #[expect(clippy::cast_precision_loss)]
        let each = |before: f64, with: f64| (with - before) / count as f64;
        let memory = json!({
            "connections": count,
            "near_bytes": each(before.0, with.0),
            "far_bytes": each(before.1, with.1),
            "near_base_bytes": before.0,
            "far_base_bytes": before.1,
        });
        all.insert(one.name.to_owned(), memory);
    }
    Ok(Value::Object(all))
}
