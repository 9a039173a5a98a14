//! The developers' commands, as functions that `main.rs` and the tests call.

pub mod bench;
pub mod bundle;
pub mod contract;
pub mod dev;
pub mod emulator;
pub mod events;
pub mod ingest;
pub mod leaks;
pub mod load;
pub mod migrate;
pub mod openapi;
pub mod postgres;
pub mod prepare;
pub mod process;
pub mod profile;
pub mod recount;
pub mod sam;
pub mod seed;
pub mod stage;
pub mod test;
pub mod tools;
pub mod variables;
pub mod watch;

use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Where cargo puts what it builds, and these commands what they can make again.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || workspace().join("target"),
        |folder| workspace().join(folder),
    )
}
