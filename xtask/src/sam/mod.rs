//! `cargo xtask sam`: holds the template to the tools that know it, and runs what `sam build` makes as Lambda would.

pub mod aws;
pub mod deployment;
mod tools;

use std::{collections::HashMap, fs, path::PathBuf, process::Stdio};

use anyhow::{Context as _, ensure};
use sqlx::migrate::MigrateDatabase as _;
use testkit::{
    postgres::{Postgres, Server},
    programs, target, workspace,
};
use tokio::process::Command;

use self::deployment::Deployment;
use crate::{bundle::FUNCTIONS, migrate::create_database, template::Stack, tools::run};
pub use tools::Tools;

/// What a binary and its zip may have, in bytes.
pub const MAX_BINARY: u64 = 12_000_000;
pub const MAX_ZIP: u64 = 5_000_000;
/// The same for `projects`, which alone has the codecs of images.
const MAX_BINARY_WITH_CODECS: u64 = 16_000_000;
const MAX_ZIP_WITH_CODECS: u64 = 7_000_000;
/// The glibc of Amazon Linux 2023.
const MAX_GLIBC: (u32, u32) = (2, 34);

/// Options of `cargo xtask sam`
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct SamOptions {
    /// Check only the template, without building the functions
    #[arg(long)]
    lint: bool,
    /// Use the functions that the previous run built
    #[arg(long)]
    built: bool,
}

/// Checks the template and, unless only that is asked for, builds the functions and runs them.
pub async fn check(options: SamOptions) -> anyhow::Result<()> {
    let sam = Tools::sam().await?;
    lint(&sam).await?;
    if options.lint {
        return Ok(());
    }
    if !options.built {
        build(&sam, "x86_64").await?;
    }
    let x86 = built("x86_64")?;
    // Too heavy or not, they are run.
    let weighed = measure(&sam, &x86).await;
    emulate(&x86).await?;
    weighed?;
    if options.built {
        return Ok(());
    }
    if has_arm64().await? {
        build(&sam, "arm64").await?;
        measure(&sam, &built("arm64")?).await?;
    } else {
        println!(
            "arm64 is not built: Rust's target aarch64-unknown-linux-gnu is not on this machine \
             (`rustup target add aarch64-unknown-linux-gnu`)"
        );
    }
    Ok(())
}

async fn lint(sam: &Tools) -> anyhow::Result<()> {
    // Its informational findings too, such as a resource that says nothing about its deletion.
    run(sam
        .command("cfn-lint")?
        .args(["--include-checks", "I", "--", "template.yaml", "data.yaml"])
        .current_dir(workspace()))
    .await?;
    run(sam_command(sam)?.args(["validate", "--lint"])).await?;
    let translate = target().join("tools/translate.py");
    fs::write(&translate, include_str!("translate.py"))?;
    run(sam
        .command("python")?
        .arg(translate)
        .args(["template.yaml", "samconfig.toml"])
        .current_dir(workspace()))
    .await
}

fn sam_command(sam: &Tools) -> anyhow::Result<Command> {
    let mut command = sam.command("sam")?;
    command
        .env("SAM_CLI_TELEMETRY", "0")
        .current_dir(workspace());
    Ok(command)
}

/// Where the functions built for the architecture are.
fn folder(architecture: &str) -> PathBuf {
    target().join("sam").join(architecture)
}

/// Builds all functions.
async fn build(sam: &Tools, architecture: &str) -> anyhow::Result<()> {
    // SAM builds one function after the other, and each is optimised as a whole by one thread. This builds the same programs
    // side by side, with the options that SAM's builder uses; SAM then copies them.
    let mut together = sam.command("cargo-lambda")?;
    together
        .args(["lambda", "build", "--release"])
        .current_dir(workspace());
    if architecture == "arm64" {
        together.arg("--arm64");
    }
    for function in FUNCTIONS {
        together.args(["--package", function]);
    }
    run(&mut together).await?;
    run(sam_command(sam)?
        .arg("build")
        .arg("--build-dir")
        .arg(folder(architecture))
        .arg("--parameter-overrides")
        .arg(format!("Architecture={architecture}")))
    .await
}

/// The functions' binaries by name, as they were built for the architecture.
pub fn built(architecture: &str) -> anyhow::Result<HashMap<String, PathBuf>> {
    let functions = Stack::new(&[], &[])?.functions()?;
    Ok(functions
        .into_iter()
        .map(|function| {
            let artefact = folder(architecture).join(function.logical_id);
            (function.binary, artefact.join("bootstrap"))
        })
        .collect())
}

/// Prints what the artefacts weigh. Fails where one is over its budget or would not start on Lambda.
async fn measure(sam: &Tools, built: &HashMap<String, PathBuf>) -> anyhow::Result<()> {
    println!("{:<10}{:>12}{:>12}  glibc", "function", "binary", "zip");
    let mut functions: Vec<_> = built.iter().collect();
    functions.sort();
    let mut over = Vec::new();
    for (name, binary) in functions {
        let zip = binary.with_extension("zip");
        let python = ["-m", "zipfile", "-c"];
        run(sam.command("python")?.args(python).arg(&zip).arg(binary)).await?;
        let sizes = [fs::metadata(binary)?.len(), fs::metadata(&zip)?.len()];
        fs::remove_file(&zip)?;
        let glibc = glibc(&fs::read(binary)?);
        println!(
            "{name:<10}{:>9.2} MB{:>9.2} MB  {}.{}",
            megabytes(sizes[0]),
            megabytes(sizes[1]),
            glibc.0,
            glibc.1
        );
        let budget = match name.as_str() {
            "projects" => [MAX_BINARY_WITH_CODECS, MAX_ZIP_WITH_CODECS],
            _ => [MAX_BINARY, MAX_ZIP],
        };
        if sizes[0] > budget[0] || sizes[1] > budget[1] {
            let [binary, zip] = budget.map(megabytes);
            over.push(format!(
                "{name} is over its budget of {binary} MB and {zip} MB"
            ));
        }
        if glibc > MAX_GLIBC {
            over.push(format!("{name} needs a newer glibc than Lambda's"));
        }
    }
    ensure!(over.is_empty(), "{}", over.join("; "));
    Ok(())
}

/// For people to read.
#[expect(clippy::cast_precision_loss, reason = "it is printed with two digits")]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The newest version of glibc that the binary asks for, by the names of the symbol versions in it.
fn glibc(binary: &[u8]) -> (u32, u32) {
    let mut newest = (0, 0);
    for start in memory_finds(binary, b"GLIBC_2.") {
        let digits = binary[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        let minor = digits.fold(0_u32, |number, digit| {
            number
                .saturating_mul(10)
                .saturating_add(u32::from(digit - b'0'))
        });
        newest = newest.max((2, minor));
    }
    newest
}

/// Where each occurrence of the needle ends.
fn memory_finds<'a>(hay: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    hay.windows(needle.len())
        .enumerate()
        .filter(move |(_, window)| *window == needle)
        .map(move |(start, _)| start + needle.len())
}

/// Runs the artefacts with the environment of the template: migrates with one, sends the events to the others.
async fn emulate(built: &HashMap<String, PathBuf>) -> anyhow::Result<()> {
    let postgres = Postgres::start(Server::Test, &std::env::current_exe()?)?;
    let database = format!("{}_sam_{}", postgres.url(), std::process::id());
    create_database(&database).await?;
    let outcome = replay(built, &database).await;
    sqlx::Postgres::force_drop_database(&database).await?;
    outcome
}

async fn replay(built: &HashMap<String, PathBuf>, database: &str) -> anyhow::Result<()> {
    let deployment = Deployment::new(built.clone(), database).await?;
    for request in ["Create", "Update", "Delete"] {
        let answer = deployment.migrate(request).await?;
        println!("migrate: {request}: {}", answer["Reason"]);
        ensure!(answer["Status"] == "SUCCESS", "the migrations failed");
    }
    for replayed in deployment.replay(&FUNCTIONS).await? {
        println!("{:<44}{}", replayed.event, replayed.answer["statusCode"]);
    }
    deployment.check_permissions().await?;
    println!("the functions ask AWS for exactly what the template allows them");
    Ok(())
}

/// Whether binaries for arm64 can be built on this machine.
async fn has_arm64() -> anyhow::Result<bool> {
    let Some(rustup) = programs::find("rustup") else {
        return Ok(false);
    };
    let output = Command::new(rustup)
        .args(["target", "list", "--installed"])
        .stdin(Stdio::null())
        .output()
        .await
        .context("rustup cannot be run")?;
    let installed = String::from_utf8_lossy(&output.stdout);
    Ok(installed
        .lines()
        .any(|target| target.starts_with("aarch64-unknown-linux-gnu")))
}
