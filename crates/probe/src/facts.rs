//! How facts are printed and bounds are checked: one line each, a fault ends the scenario.

use std::fmt::Display;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One line of `name=value` pairs.
pub(crate) fn fact(pairs: &[(&str, &dyn Display)]) {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    println!("fact {}", pairs.join(" "));
}

/// The scenario fails unless this holds.
pub(crate) fn demand(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(format!("does not hold: {what}").into()) }
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    percentile(values, 0.5)
}

pub(crate) fn percentile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let index = ((values.len().max(1) - 1) as f64 * at).round() as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}
