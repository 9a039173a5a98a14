//! What all five functions need and none owns: configuration, database, session guard, request stack, telemetry.

pub mod api_key;
pub mod http;
#[cfg(feature = "markdown")]
pub mod markdown;
#[cfg(feature = "description")]
pub mod openapi;
pub mod redis;
pub mod serve;
pub mod state;

pub use platform::{
    config, cookie, db, random, secrets, telemetry, time, trusted_origins, uri_component,
};

pub use state::AppState;
