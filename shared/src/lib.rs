//! What all five functions need and none owns: configuration, database, session guard, request stack, telemetry.

pub mod api_key;
pub mod component;
pub mod config;
pub mod cookie;
pub mod db;
pub mod http;
#[cfg(feature = "markdown")]
pub mod markdown;
pub mod openapi;
pub mod random;
pub mod redis;
pub mod secrets;
pub mod serve;
pub mod state;
pub mod telemetry;
pub mod time;

pub use state::AppState;
