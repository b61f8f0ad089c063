//! Facts, all in one form: `fact key=value key=value`, with quotes around what has spaces.

use std::fmt::Display;
use std::time::Instant;

pub(super) struct Report {
    start: Instant,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { start: Instant::now() }
    }

    pub(super) fn fact(&self, pairs: &[(&str, &dyn Display)]) {
        println!("{}", line(pairs));
    }

    /// How long the proof has taken so far.
    pub(super) fn elapsed(&self) {
        self.fact(&[("proof_seconds", &format!("{:.1}", self.start.elapsed().as_secs_f64()))]);
    }
}

fn line(pairs: &[(&str, &dyn Display)]) -> String {
    let mut line = "fact".to_owned();
    for (key, value) in pairs {
        let value = value.to_string();
        let plain = !value.is_empty() && !value.contains(|char: char| char.is_whitespace() || char == '"');
        let value = if plain { value } else { format!("{value:?}") };
        line.push_str(&format!(" {key}={value}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_one_line_that_can_be_split_again() {
        assert_eq!(line(&[("n", &3), ("who", &"a b"), ("none", &"")]), "fact n=3 who=\"a b\" none=\"\"");
        assert_eq!(line(&[("text", &"two\nlines")]), "fact text=\"two\\nlines\"");
    }
}
