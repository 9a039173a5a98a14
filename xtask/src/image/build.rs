//! Builds the program of the image: linked statically, and without the paths of this machine.

use std::{env, path::PathBuf};

use anyhow::{Context as _, ensure};
use testkit::{cargo::cargo, workspace};
use tokio::process::Command;

use crate::{auditable, compiler};

/// Type of the program header that names the dynamic linker, in ELF.
const INTERPRETER: u32 = 3;

/// Builds the program for this machine's processor and returns its path.
pub async fn program(profile: &str) -> anyhow::Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let mut command = Command::new(cargo());
    command
        .args(["build", "--locked", "--package", "codecave"])
        .args(["--profile", profile])
        // Named, so that build scripts and macros, which run on this machine, are not linked statically.
        .args(["--target", &target])
        .env("CARGO_ENCODED_RUSTFLAGS", flags()?.join("\x1f"))
        .envs(auditable::variables())
        .current_dir(workspace());
    let built = compiler::run(&mut command, |_| ()).await?;
    if let Some(error) = built.errors.first() {
        anyhow::bail!("the program was not built: {}", error.rendered);
    }
    let program = built.binaries.get("codecave");
    program.cloned().context("cargo built no program")
}

/// Flags of the compiler. Paths are replaced, so that the same commit in another folder gives the same program.
fn flags() -> anyhow::Result<Vec<String>> {
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cargo"),
    };
    Ok(vec![
        "-Ctarget-feature=+crt-static".to_owned(),
        // A static program does not find the C library's function by its name, and an empty root has no /dev/urandom.
        "--cfg=getrandom_backend=\"linux_getrandom\"".to_owned(),
        format!("--remap-path-prefix={}=/codecave", workspace().display()),
        format!(
            "--remap-path-prefix={}=/registry",
            home.join("registry/src").display()
        ),
    ])
}

/// Fails unless the program is a 64-bit ELF file that needs no dynamic linker, which an empty image does not have.
pub fn check_static(program: &[u8]) -> anyhow::Result<()> {
    let is_static = needs_interpreter(program).map(|needs| !needs);
    ensure!(
        is_static.context("the program is no 64-bit ELF file")?,
        "the program is linked dynamically, and the image has no dynamic linker"
    );
    Ok(())
}

/// Whether a program header names a dynamic linker. Returns `None` for anything but a little-endian 64-bit ELF file.
fn needs_interpreter(program: &[u8]) -> Option<bool> {
    let bytes = |offset: usize, count: usize| program.get(offset..offset.checked_add(count)?);
    let half = |offset| Some(u16::from_le_bytes(bytes(offset, 2)?.try_into().ok()?));
    let word = |offset| Some(u32::from_le_bytes(bytes(offset, 4)?.try_into().ok()?));
    if bytes(0, 6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let start = usize::try_from(u64::from_le_bytes(bytes(32, 8)?.try_into().ok()?)).ok()?;
    let (size, count) = (usize::from(half(54)?), usize::from(half(56)?));
    for index in 0..count {
        if word(start.checked_add(index * size)?)? == INTERPRETER {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_dynamic_program_and_a_text_are_rejected() {
        let own = fs::read(env::current_exe().unwrap()).unwrap();
        let error = check_static(&own).unwrap_err().to_string();
        assert!(error.contains("linked dynamically"), "{error}");

        let error = check_static(b"#!/bin/sh").unwrap_err().to_string();
        assert!(error.contains("no 64-bit ELF file"), "{error}");
    }
}
