//! Errors that several endpoints share.

use crate::error::Error;

/// Maximum size of metadata, in bytes of JSON.
pub const MAX_METADATA_BYTES: usize = 4096;
/// Maximum length of a name, in UTF-16 units as JavaScript counts.
pub const MAX_NAME: usize = 32;

/// 400 of a property that only a server may set.
pub fn server_only() -> Error {
    Error::bad_request(
        "SERVER_ONLY_PROPERTY",
        "The property you're trying to set can only be set from the server auth instance only.",
    )
}

/// 401 without a session.
pub fn no_session() -> Error {
    Error::unauthorized("UNAUTHORIZED_SESSION", "Unauthorized or invalid session")
}

/// 400 of a name that is too short or too long.
pub fn invalid_name() -> Error {
    Error::bad_request(
        "INVALID_NAME_LENGTH",
        "The name length is either too large or too small.",
    )
}

/// 400 of metadata that is no object.
pub fn invalid_metadata() -> Error {
    Error::bad_request(
        "INVALID_METADATA_TYPE",
        "metadata must be an object or undefined",
    )
}

/// 404 of a key that does not exist or belongs to another user.
pub fn key_not_found() -> Error {
    Error::not_found("KEY_NOT_FOUND", "API Key not found")
}

/// Returns the number of UTF-16 units, as JavaScript counts.
pub fn utf16_length(text: &str) -> usize {
    text.encode_utf16().count()
}
