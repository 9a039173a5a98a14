//! Properties of a key that only a server may set.

use super::errors::MAX_METADATA_BYTES;
use crate::fields::{Fields, boolean, json, number};

const NUMBERS: [&str; 4] = [
    "refillAmount",
    "refillInterval",
    "rateLimitTimeWindow",
    "rateLimitMax",
];

/// Validates the properties, and returns whether one of them is there.
pub fn has_server_fields(fields: &mut Fields<'_>) -> bool {
    for name in NUMBERS {
        fields.undocumented(name, number());
    }
    fields.undocumented("rateLimitEnabled", boolean());
    fields.undocumented("permissions", json(MAX_METADATA_BYTES));
    let mut names = NUMBERS.iter().chain(&["rateLimitEnabled", "permissions"]);
    names.any(|name| fields.raw(name).is_some())
}
