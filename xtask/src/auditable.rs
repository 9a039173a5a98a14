//! Embeds the list of its dependencies into a program. `cargo audit bin` and scanners of images read it.

use std::{ffi::OsString, path::Path};

use anyhow::ensure;
use testkit::programs;

/// Name of the section with the list.
const SECTION: &[u8] = b".dep-v0";

/// Returns the variables with which cargo runs the compiler through `cargo-auditable`, as `cargo auditable build` sets them:
/// <https://github.com/rust-secure-code/cargo-auditable/blob/v0.7.7/cargo-auditable/src/cargo_auditable.rs>.
/// SAM and cargo-lambda pass them on to cargo.
///
/// Returns none where `cargo-auditable` is not on this machine. Programs are the same there, without the list.
pub fn variables() -> Vec<(&'static str, OsString)> {
    programs::find("cargo-auditable").map_or_else(Vec::new, |program| through(&program))
}

/// Fails if `cargo-auditable` is on this machine and the program lacks the list.
pub fn check(program: &[u8]) -> anyhow::Result<()> {
    let has_list = program
        .windows(SECTION.len())
        .any(|window| window == SECTION);
    ensure!(
        has_list || programs::find("cargo-auditable").is_none(),
        "the program does not contain the list of its dependencies"
    );
    Ok(())
}

fn through(program: &Path) -> Vec<(&'static str, OsString)> {
    // The arguments of cargo that matter for its metadata.
    let arguments = r#"{"offline":false,"locked":true,"frozen":false,"config":[]}"#;
    vec![
        ("RUSTC_WORKSPACE_WRAPPER", program.into()),
        ("CARGO_AUDITABLE_ORIG_ARGS", arguments.into()),
    ]
}
