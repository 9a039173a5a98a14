//! How long a key may live.

use chrono::Duration;
use shared::time::Timestamp;

use crate::{
    error::{Error, Result},
    fields::Fields,
};

const DAY: f64 = 86_400.0;
const MIN_DAYS: f64 = 1.0;
const MAX_DAYS: f64 = 365.0;

/// Reads seconds, or null; the outer `None` is a missing field.
#[expect(
    clippy::option_option,
    reason = "missing, null and a number are three things"
)]
pub fn read(fields: &mut Fields<'_>, name: &str) -> Option<Option<f64>> {
    if fields.raw(name)?.is_null() {
        return Some(None);
    }
    let seconds = fields.number(name)?;
    if seconds < 1.0 {
        fields.refuse(name, "Too small: expected number to be >=1");
    }
    Some(Some(seconds))
}

/// When a key ends that is to live so many seconds.
pub fn end(seconds: f64) -> Result<Timestamp> {
    let days = seconds / DAY;
    if days < MIN_DAYS {
        return Err(Error::bad_request(
            "EXPIRES_IN_IS_TOO_SMALL",
            "The expiresIn is smaller than the predefined minimum value.",
        ));
    }
    if days > MAX_DAYS {
        return Err(Error::bad_request(
            "EXPIRES_IN_IS_TOO_LARGE",
            "The expiresIn is larger than the predefined maximum value.",
        ));
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most a year")]
    let millis = (seconds * 1000.0) as i64;
    Ok(Timestamp::now() + Duration::milliseconds(millis))
}
