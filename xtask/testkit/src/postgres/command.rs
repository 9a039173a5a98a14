//! Running PostgreSQL's programs.

use std::{
    io,
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};

/// Runs a command to its end. The error contains its output.
pub(super) fn run(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_owned();
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("{} is not on this machine", name.display())
        }
        Err(error) => return Err(error).with_context(|| format!("{} failed", name.display())),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(said.trim().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    bail!(
        "{} failed: {} {}",
        name.display(),
        said.trim(),
        complaint.trim()
    );
}
