//! Integers, booleans, enumerations and dates.

use chrono::{Datelike, NaiveDate};
use serde_json::{Number, Value};

use super::{Check, Field};
use crate::{
    http::describe::{self, Schema},
    time::Timestamp,
};

/// An integer between two bounds.
pub fn integer(min: i64, max: i64) -> Integer {
    Integer { min, max }
}

/// `true` or `false`.
pub fn boolean() -> Boolean {
    Boolean
}

/// One of the given words. The value is the one next to the word.
pub fn one_of<T: Copy>(choices: &'static [(&'static str, T)]) -> OneOf<T> {
    OneOf(choices)
}

/// An ISO 8601 date or date-time.
pub fn date_time() -> DateTime {
    DateTime
}

/// An ISO 8601 date.
pub fn date() -> Date {
    Date
}

/// See [`integer`].
pub struct Integer {
    min: i64,
    max: i64,
}

impl Check for Integer {
    type Output = i64;

    fn check(&self, value: &Value, field: &mut Field<'_>) -> Option<i64> {
        let number = match value {
            Value::Number(number) if !field.is_of_query() => whole(number),
            Value::String(text) if field.is_of_query() => text.parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            field.refuse("must be an integer number");
            return None;
        };
        if number < self.min {
            field.refuse(format_args!("must not be less than {}", self.min));
        }
        if number > self.max {
            field.refuse(format_args!("must not be greater than {}", self.max));
        }
        Some(number)
    }

    fn schema(&self) -> Schema {
        describe::integer(self.min, self.max)
    }
}

/// Converts a number as JavaScript does, where `5` and `5.0` are the same.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
        format!("{float:.0}").parse().ok()
    })
}

/// See [`boolean`].
pub struct Boolean;

impl Check for Boolean {
    type Output = bool;

    fn check(&self, value: &Value, field: &mut Field<'_>) -> Option<bool> {
        let boolean = match value {
            Value::Bool(boolean) if !field.is_of_query() => Some(*boolean),
            Value::String(text) if field.is_of_query() => text.parse().ok(),
            _ => None,
        };
        if boolean.is_none() {
            field.refuse("must be a boolean value");
        }
        boolean
    }

    fn schema(&self) -> Schema {
        describe::boolean()
    }
}

/// See [`one_of`].
pub struct OneOf<T: 'static>(&'static [(&'static str, T)]);

impl<T: Copy> OneOf<T> {
    fn words(&self) -> Vec<&'static str> {
        self.0.iter().map(|(word, _)| *word).collect()
    }
}

impl<T: Copy> Check for OneOf<T> {
    type Output = T;

    fn check(&self, value: &Value, field: &mut Field<'_>) -> Option<T> {
        let chosen = self
            .0
            .iter()
            .find(|(word, _)| value.as_str() == Some(*word));
        if chosen.is_none() {
            let words = self.words().join(", ");
            field.refuse(format_args!("must be one of the following values: {words}"));
        }
        chosen.map(|(_, choice)| *choice)
    }

    fn schema(&self) -> Schema {
        describe::words(&self.words())
    }
}

/// See [`date_time`].
pub struct DateTime;

impl Check for DateTime {
    type Output = Timestamp;

    fn check(&self, value: &Value, field: &mut Field<'_>) -> Option<Timestamp> {
        // Years have four digits in ISO 8601. PostgreSQL supports fewer years than chrono.
        let time = value
            .as_str()
            .filter(|text| has_iso_form(text))
            .and_then(|text| text.parse().ok())
            .filter(|time: &Timestamp| (0..=9999).contains(&time.0.year()));
        if time.is_none() {
            field.refuse("must be a valid ISO 8601 date string");
        }
        time
    }

    fn schema(&self) -> Schema {
        describe::date_time()
    }
}

/// Returns whether each digit, dash, `T` and colon is at its position in ISO 8601. chrono also accepts `2025-1-5`,
/// blanks and signs.
fn has_iso_form(text: &str) -> bool {
    text.len() >= 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 => byte == b':',
            0..=15 => byte.is_ascii_digit(),
            _ => true,
        })
}

/// See [`date`].
pub struct Date;

impl Check for Date {
    type Output = NaiveDate;

    fn check(&self, value: &Value, field: &mut Field<'_>) -> Option<NaiveDate> {
        let Some(text) = value.as_str() else {
            field.refuse("must be a string");
            return None;
        };
        // chrono also accepts `2025-1-5` and years of five digits.
        let date = (text.len() == 10 && has_iso_form(text))
            .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
            .flatten();
        if date.is_none() {
            field.refuse("must be a valid ISO 8601 date string");
        }
        date
    }

    fn schema(&self) -> Schema {
        describe::date()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Fields, *};

    #[test]
    fn dates_have_the_format_of_iso_8601() {
        for (text, good) in [
            ("2025-01-15", true),
            ("2025-01-15T10:30Z", true),
            ("2025-01-15T10:30:00.123Z", true),
            ("2025-01-15T10:30:00%2B02:00", true),
            ("2025-1-15", false),
            ("2025-01-15T1:30:00Z", false),
            ("2025-01-15 10:30:00Z", false),
            ("+2025-01-15", false),
            ("%2B2025-01-1", false),
            ("12025-01-15", false),
            ("2025-02-29", false),
            ("2025-01-15T25:00:00Z", false),
            ("2025", false),
        ] {
            let mut fields = Fields::of_query(&format!("at={text}"));
            let time = fields.read("at", date_time().optional());
            assert_eq!(time.is_some(), good, "{text}");

            let mut fields = Fields::of_query(&format!("at={text}"));
            let day = fields.read("at", date().optional());
            assert_eq!(day.is_some(), good && text.len() == 10, "{text}");
        }
    }
}
