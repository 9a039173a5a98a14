//! The form of redirect addresses in requests.

use crate::fields::{TextRule, text};

/// Maximum length of a redirect address.
pub const MAX_ADDRESS_CHARS: usize = 2048;

/// The rule of a redirect address. Its origin is verified before the fields are read.
pub fn address() -> TextRule {
    text().max(MAX_ADDRESS_CHARS)
}
