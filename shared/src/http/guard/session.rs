//! The lifetime of sessions.

/// Lifetime of a session in seconds (Better Auth 1.7: `expiresIn`).
pub const SESSION_LIFETIME: u32 = 604_800;
/// Age in seconds from which a request extends the session (Better Auth 1.7: `updateAge`).
pub const SESSION_UPDATE_AGE: u32 = 86_400;
/// Seconds before the expiry from which a request extends the session: the lifetime minus the update age.
pub(super) const REFRESH_DUE: f64 = 518_400.0;
