//! Sizes and durations as people write them: `8MiB`, `60s`. Never rounds: what is printed reads back as the same value.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::raw::Scalar;

/// One kibibyte.
pub(crate) const KIB: u64 = 1 << 10;
/// One mebibyte.
pub(crate) const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const SIZES: &[(&str, u64)] = &[("GiB", GIB), ("MiB", MIB), ("KiB", KIB), ("B", 1)];
const TIMES: &[(&str, u64)] = &[("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// What a limit counts, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bytes: `32KiB`, or a plain number.
    Size,
    /// A number of things.
    Count,
    /// Milliseconds inside, `10s` outside.
    Time,
}

impl Kind {
    /// Reads a value; the error says what would be right.
    pub(crate) fn parse(self, text: &str) -> Result<u64, &'static str> {
        match self {
            Kind::Size => {
                with_unit(text, SIZES, Some(1)).ok_or("a size such as \"64KiB\", \"8MiB\" or \"1GiB\"")
            }
            Kind::Time => {
                with_unit(text, TIMES, None).ok_or("a duration such as \"500ms\", \"60s\", \"5m\" or \"1h\"")
            }
            Kind::Count => digits(text).ok_or("a whole number"),
        }
    }

    /// Writes a value in the largest unit that divides it.
    pub(crate) fn format(self, value: u64) -> String {
        let units = match self {
            Kind::Count => return value.to_string(),
            Kind::Size => SIZES,
            Kind::Time => TIMES,
        };
        let smallest = units.len() - 1;
        let unit =
            units.iter().find(|unit| value != 0 && value.is_multiple_of(unit.1)).unwrap_or(&units[smallest]);
        format!("{}{}", value / unit.1, unit.0)
    }

    /// Writes a range of them.
    pub(crate) fn format_range(self, range: &RangeInclusive<u64>) -> String {
        format!("{} to {}", self.format(*range.start()), self.format(*range.end()))
    }

    /// Reads the value of the limit of this name and range; the error says what would be right.
    pub(crate) fn read(self, name: &str, range: &RangeInclusive<u64>, value: &Scalar) -> Result<u64, String> {
        let value = match value {
            Scalar::Integer(number) if self != Kind::Time => *number,
            Scalar::Integer(number) => return Err(format!("`{name}` needs a unit: \"{number}s\"?")),
            Scalar::Text(text) => {
                self.parse(text).map_err(|right| format!("`{name}` is {right}, not {text:?}"))?
            }
        };
        if range.contains(&value) {
            return Ok(value);
        }
        Err(format!("`{name}` is {}, not {}", self.format_range(range), self.format(value)))
    }
}

/// Milliseconds of a duration.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn with_unit(text: &str, units: &[(&str, u64)], without: Option<u64>) -> Option<u64> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit.trim_start() {
        "" => without?,
        unit => units.iter().find(|known| known.0 == unit)?.1,
    };
    digits(number)?.checked_mul(factor)
}

fn digits(text: &str) -> Option<u64> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::Kind::{Count, Size, Time};

    #[test]
    fn what_is_printed_reads_back() {
        for value in
            [0, 1, 999, 1_000, 1_024, 1_536, 60_000, 90_000, 3_600_000, 8 << 20, 5 << 30, (5 << 30) + 1]
        {
            for kind in [Size, Count, Time] {
                assert_eq!(kind.parse(&kind.format(value)), Ok(value), "{kind:?} {value}");
            }
        }
    }

    #[test]
    fn what_is_unclear_is_refused() {
        for text in ["", "8MB", "8 M", "-1", "1.5MiB", "99999999999GiB", "MiB", "8mib"] {
            assert!(Size.parse(text).is_err(), "{text}");
        }
        for text in ["60", "1 fortnight", "s", "1e3s", "+5s"] {
            assert!(Time.parse(text).is_err(), "{text}");
        }
        assert!(Count.parse("4k").is_err());
    }
}
