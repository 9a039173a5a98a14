//! The path below which all endpoints are.

/// Base path of all endpoints.
pub const BASE: &str = "/api/auth";

/// Returns the path below the base path.
pub fn below_base(path: &str) -> &str {
    path.strip_prefix(BASE).unwrap_or(path)
}
