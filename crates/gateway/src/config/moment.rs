//! Moments as a file has them: dates, and times with an offset (RFC 3339).

use std::time::{Duration, SystemTime};

use toml::value::{Datetime, Offset};

use super::diagnostic::{ConfigError, Source};
use super::raw::Located;

/// A date is its beginning in UTC; a time must say its offset.
pub(crate) fn read(expiry: &Located<Datetime>, source: &Source) -> Result<SystemTime, ConfigError> {
    let wrong = || {
        let hint = "write 2027-01-31 or 2027-01-31T12:00:00Z".to_owned();
        source.error(&expiry.at, "not a moment", Some(hint))
    };
    let date = expiry.value.date.ok_or_else(wrong)?;
    let (seconds, offset) = match (expiry.value.time, expiry.value.offset) {
        (None, None) => (0, 0),
        (Some(time), Some(offset)) => {
            let minutes = match offset {
                Offset::Z => 0,
                Offset::Custom { minutes } => i64::from(minutes),
            };
            let seconds = time.second.unwrap_or(0);
            (i64::from(time.hour) * 3_600 + i64::from(time.minute) * 60 + i64::from(seconds), minutes * 60)
        }
        _ => return Err(wrong()),
    };
    let days = days_from_civil(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let seconds = u64::try_from(days * 86_400 + seconds - offset).map_err(|_| wrong())?;
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Days since 1970-01-01 in the Gregorian calendar; March begins the year, so that the leap day ends it.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// RFC 3339 in UTC; the inverse of how an expiry is read.
pub(crate) fn write(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}
