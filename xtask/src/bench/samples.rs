//! What several rounds have measured: its median, and how far it ranged.

use serde_json::{Value, json};

#[derive(Debug, Default, Clone)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    pub(super) fn push(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    pub(super) fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        match self.0.len() {
            0 => f64::NAN,
            len if len % 2 == 1 => self.0[middle],
            _ => (self.0[middle - 1] + self.0[middle]) / 2.0,
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({ "median": self.median(), "least": self.0.first(), "most": self.0.last(), "count": self.0.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let of = |values: &[f64]| {
            let mut samples = Samples::default();
            values.iter().for_each(|value| samples.push(*value));
            samples.median()
        };
        assert_eq!(of(&[9.0, 1.0, 2.0]), 2.0);
        assert_eq!(of(&[4.0, 1.0, 2.0, 9.0]), 3.0);
        assert!(of(&[]).is_nan());
    }
}
