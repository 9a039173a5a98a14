//! Writes the OpenAPI document that the health function carries.

use anyhow::ensure;
use testkit::{cargo::cargo, process::Group, workspace};
use tokio::process::Command;

/// Set while the document is to be written instead of compared.
pub const WRITE: &str = "WRITE_OPENAPI";

/// Has the test that knows all five functions write `functions/health/openapi.json`. These commands themselves are
/// linked with none of them, so that they compile in seconds.
pub async fn write() -> anyhow::Result<()> {
    let mut test = Group::spawn(
        Command::new(cargo())
            .args(["test", "--quiet", "--package", "xtask", "--test", "routes"])
            .args(["--", "--exact", "document::the_document_is_up_to_date"])
            .env(WRITE, "1")
            .current_dir(workspace()),
    )?;
    ensure!(test.wait().await?.success(), "the document cannot be made");
    Ok(())
}
