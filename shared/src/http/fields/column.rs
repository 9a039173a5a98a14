//! Columns of rows that have the fields of a body.

use serde::{Deserialize, Deserializer};

/// Reads a column as the value that a request with it would have. Null is the default of the type: `Some(None)` if the field
/// may be null, or an empty list.
#[doc(hidden)]
pub fn column<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Option::<T>::deserialize(deserializer)?;
    Ok(Some(value.unwrap_or_default()))
}
