//! Lifetimes of keys.

use chrono::Duration;
use shared::time::Timestamp;

use crate::{
    error::{Error, Result},
    fields::{ValueRule, number},
};

const DAY: f64 = 86_400.0;
const MIN_SECONDS: f64 = DAY;
const MAX_SECONDS: f64 = 365.0 * DAY;

/// The rule of a lifetime in seconds. Null means that the key does not expire.
pub fn lifetime() -> impl ValueRule<Value = Option<f64>> {
    number()
        .min(1.0, "Too small: expected number to be >=1")
        .documented_range(MIN_SECONDS, MAX_SECONDS)
        .or_null()
}

/// Returns the expiry of a key with this lifetime.
pub fn expires_at(seconds: f64) -> Result<Timestamp> {
    if seconds < MIN_SECONDS {
        return Err(Error::bad_request(
            "EXPIRES_IN_IS_TOO_SMALL",
            "The expiresIn is smaller than the predefined minimum value.",
        ));
    }
    if seconds > MAX_SECONDS {
        return Err(Error::bad_request(
            "EXPIRES_IN_IS_TOO_LARGE",
            "The expiresIn is larger than the predefined maximum value.",
        ));
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most a year")]
    let millis = (seconds * 1000.0) as i64;
    Ok(Timestamp::now() + Duration::milliseconds(millis))
}
