//! Servers and checks that tests of several crates and the developers' commands share.
//!
//! Nothing here depends on the code under test, because `xtask` must compile before the metadata of its queries exists.

pub mod cargo;
pub mod database;
pub mod emulator;
pub mod ingest;
pub mod leaks;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod programs;
pub mod python;
pub mod redis;
pub mod storage;
pub mod timing;

use std::path::{Path, PathBuf};

pub use testkit_macros::test;

/// Returns the root of the workspace.
pub fn workspace() -> &'static Path {
    let testkit = Path::new(env!("CARGO_MANIFEST_DIR"));
    testkit.ancestors().nth(2).unwrap_or(testkit)
}

/// Returns cargo's target folder, for files that can be built again.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || workspace().join("target"),
        |folder| workspace().join(folder),
    )
}
