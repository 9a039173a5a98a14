//! What all five functions need and none owns: configuration, database, session guard, request stack, telemetry.

pub mod api_key;
pub mod db;
pub mod http;
#[cfg(feature = "markdown")]
pub mod markdown;
pub mod openapi;
pub mod redis;
pub mod secrets;
pub mod serve;
pub mod state;
pub mod telemetry;

pub use platform::{config, cookie, random, time, trusted_origins, uri_component};

pub use state::AppState;
