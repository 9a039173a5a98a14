//! `cargo xtask sam`: validates the template with AWS's tools, and runs the output of `sam build` under an emulated
//! Lambda.

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
use crate::{auditable, bundle::FUNCTIONS, migrate::create_database, template::Stack, tools::run};
pub use tools::Tools;

/// Maximum size of a binary and of its zip, in bytes.
pub struct SizeBudget {
    /// Size of the binary.
    pub binary: u64,
    /// Size of the zip.
    pub zip: u64,
}

/// Returns the budget of a function.
pub fn size_budget(function: &str) -> SizeBudget {
    match function {
        // The only function with the codecs of images.
        "projects" => SizeBudget {
            binary: 16_000_000,
            zip: 7_000_000,
        },
        _ => SizeBudget {
            binary: 12_000_000,
            zip: 5_000_000,
        },
    }
}

/// Version of glibc in Amazon Linux 2023.
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

/// Validates the template. Unless `lint` is set, also builds the functions and runs them.
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
    // The functions run even if they are over their budget.
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
    // Informational findings count too, such as a resource without a deletion policy.
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

/// Returns the folder of the functions built for the architecture.
fn folder(architecture: &str) -> PathBuf {
    target().join("sam").join(architecture)
}

/// Builds all functions.
async fn build(sam: &Tools, architecture: &str) -> anyhow::Result<()> {
    // SAM builds one function after the other, and each is optimised as a whole by one thread. This builds the same
    // programs concurrently, with the options of SAM's builder, and SAM then copies them.
    let mut together = sam.command("cargo-lambda")?;
    together
        .args(["lambda", "build", "--release"])
        .envs(auditable::variables())
        .current_dir(workspace());
    if architecture == "arm64" {
        together.arg("--arm64");
    }
    for function in Stack::new(&[], &[])?.functions()? {
        together.args(["--package", &function.binary]);
    }
    run(&mut together).await?;
    run(sam_command(sam)?
        .arg("build")
        .arg("--build-dir")
        .arg(folder(architecture))
        .arg("--parameter-overrides")
        .arg(format!("Architecture={architecture}"))
        .envs(auditable::variables()))
    .await
}

/// Returns the functions' binaries that were built for the architecture, by name.
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

/// Prints the sizes of the artefacts. Returns an error if one is over its budget or cannot start on Lambda.
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
        let program = fs::read(binary)?;
        auditable::check(&program)?;
        let glibc = glibc(&program);
        println!(
            "{name:<10}{:>9.2} MB{:>9.2} MB  {}.{}",
            megabytes(sizes[0]),
            megabytes(sizes[1]),
            glibc.0,
            glibc.1
        );
        let SizeBudget {
            binary: max_binary,
            zip: max_zip,
        } = size_budget(name);
        if sizes[0] > max_binary || sizes[1] > max_zip {
            over.push(format!(
                "{name} is over its budget of {} MB and {} MB",
                megabytes(max_binary),
                megabytes(max_zip)
            ));
        }
        if glibc > MAX_GLIBC {
            over.push(format!("{name} needs a newer glibc than Lambda's"));
        }
    }
    ensure!(over.is_empty(), "{}", over.join("; "));
    Ok(())
}

/// Formats a number of bytes.
#[expect(clippy::cast_precision_loss, reason = "it is printed with two digits")]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Returns the newest version of glibc that the binary requires, according to its symbol versions.
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

/// Returns the end of each occurrence of the needle.
fn memory_finds<'a>(hay: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    hay.windows(needle.len())
        .enumerate()
        .filter(move |(_, window)| *window == needle)
        .map(move |(start, _)| start + needle.len())
}

/// Runs the artefacts with the environment of the template: applies the migrations, and then sends the events.
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

/// Returns whether binaries for arm64 can be built on this machine.
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
