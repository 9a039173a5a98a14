//! Programs on this machine.

use std::{env, ffi::OsStr, path::PathBuf};

/// Returns the path of the program with that name on `PATH`.
pub fn find(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name.as_ref()))
        .find(|program| program.is_file())
}
