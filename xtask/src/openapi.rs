//! Writes the OpenAPI document that the health function serves.

use anyhow::ensure;
use testkit::{cargo::cargo, process::Group, workspace};
use tokio::process::Command;

/// Environment variable that makes the test write the document instead of comparing it.
pub const WRITE: &str = "WRITE_OPENAPI";

/// Runs the test that writes `functions/health/openapi.json`. Only the test links all five functions; `xtask` links none
/// and compiles in seconds.
pub async fn write() -> anyhow::Result<()> {
    let mut test = Group::spawn(
        Command::new(cargo())
            .args(["test", "--quiet", "--package", "xtask", "--test", "routes"])
            .args(["--", "--exact", "document::the_document_is_up_to_date"])
            .env(WRITE, "1")
            .current_dir(workspace()),
    )?;
    ensure!(
        test.wait().await?.success(),
        "the OpenAPI document cannot be generated"
    );
    Ok(())
}
