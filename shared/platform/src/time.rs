//! Instants in the format of the API: ISO 8601 in UTC with exactly three fraction digits.

use std::{borrow::Cow, fmt, str::FromStr};

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in UTC. The columns are `timestamp` without time zone and hold UTC. Clients receive
/// `2025-01-15T10:30:00.000Z`, the format of JavaScript's `Date.prototype.toISOString`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Timestamp(pub NaiveDateTime);

impl Timestamp {
    /// Reads the system clock and truncates it to milliseconds, the precision of the columns.
    pub fn now() -> Self {
        Self(Utc::now().naive_utc().trunc_subsecs(3))
    }

    /// Returns the milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0.and_utc().timestamp_millis()
    }

    /// Returns the instant that many milliseconds after 1970; `None` outside chrono's range.
    pub fn from_millis(millis: i64) -> Option<Self> {
        DateTime::from_timestamp_millis(millis).map(|time| Self(time.naive_utc()))
    }
}

impl std::ops::Add<chrono::Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: chrono::Duration) -> Self {
        Self(self.0 + duration)
    }
}

impl std::ops::Sub for Timestamp {
    type Output = chrono::Duration;

    fn sub(self, other: Self) -> chrono::Duration {
        self.0 - other.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // This is faster than a format pattern, which chrono parses on each call.
        let text = self
            .0
            .and_utc()
            .to_rfc3339_opts(SecondsFormat::Millis, true);
        f.write_str(&text)
    }
}

/// Parses ISO 8601: a date (midnight UTC), or a date-time with or without seconds and time zone (UTC by default).
impl FromStr for Timestamp {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Ok(Self(date.and_time(chrono::NaiveTime::MIN)));
        }
        // chrono requires the seconds that `2025-01-15T10:30Z` omits.
        let with_seconds = match text.split_at_checked(16) {
            Some((minute, rest)) if !rest.starts_with(':') => Some(format!("{minute}:00{rest}")),
            _ => None,
        };
        let text = with_seconds.as_deref().unwrap_or(text);
        DateTime::parse_from_rfc3339(text)
            .map(|time| Self(time.naive_utc()))
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(Self))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::{
        PartialSchema, ToSchema,
        openapi::{
            KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type as SchemaType,
        },
    };

    use super::Timestamp;

    impl PartialSchema for Timestamp {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(SchemaType::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
                .into()
        }
    }

    impl ToSchema for Timestamp {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_exactly_three_fraction_digits() {
        let time: Timestamp = "2025-01-15T10:30:00.1234567Z".parse().unwrap();
        assert_eq!(time.to_string(), "2025-01-15T10:30:00.123Z");
        assert_eq!(
            "2025-01-15".parse::<Timestamp>().unwrap().to_string(),
            "2025-01-15T00:00:00.000Z"
        );
        assert_eq!(
            "2025-01-15T12:30:00+02:00"
                .parse::<Timestamp>()
                .unwrap()
                .to_string(),
            "2025-01-15T10:30:00.000Z"
        );
        for minute in [
            "2025-01-15T10:30Z",
            "2025-01-15T10:30",
            "2025-01-15T12:30+02:00",
        ] {
            let time: Timestamp = minute.parse().unwrap();
            assert_eq!(time.to_string(), "2025-01-15T10:30:00.000Z");
        }
        for other in ["15.01.2025", "2025-01-15T10", "2025-01-15T10:30:", ""] {
            assert!(other.parse::<Timestamp>().is_err(), "{other}");
        }
    }
}
