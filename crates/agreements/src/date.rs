//! TOML's own dates and times, read as the calendar library's types.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de};
use toml::value::Datetime;

/// A TOML local date, `2023-01-01`.
pub(crate) fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let value = Datetime::deserialize(deserializer)?;
    if value.time.is_some() || value.offset.is_some() {
        return Err(de::Error::custom(format!("`{value}` has a time: write a date such as 2023-01-31")));
    }
    let text = value.to_string();
    text.parse().map_err(|_| de::Error::custom(format!("`{text}` is not a date such as 2023-01-31")))
}

/// The same, where the key may be absent.
pub(crate) fn optional_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    date(deserializer).map(Some)
}

/// A TOML offset date-time, `2023-01-01T09:00:00Z`.
pub(crate) fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = Datetime::deserialize(deserializer)?.to_string();
    text.parse().map_err(|_| de::Error::custom(format!("`{text}` is not a time such as 2023-01-31T09:00:00Z")))
}

/// The first instant of a day. Agreements count days in UTC, so that nobody's clock change moves an expiry.
///
/// # Errors
/// Outside the calendar's range, years -9999 to 9999.
pub(crate) fn start_of(date: Date) -> Result<Timestamp, jiff::Error> {
    TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0))
}

/// Whether `then` lies in the last `days` days before `now`; the instant at which it is exactly that old is too late.
pub(crate) fn is_fresh(then: Timestamp, now: Timestamp, days: u32) -> bool {
    let age = now.duration_since(then);
    age >= SignedDuration::ZERO && age < SignedDuration::from_hours(i64::from(days).saturating_mul(24))
}
