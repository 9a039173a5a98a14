//! Counts of instructions, which do not depend on what else the machine does.

use std::{collections::BTreeMap, path::Path, process::Stdio};

use anyhow::{Context as _, ensure};
use testkit::programs;
use tokio::process::Command;

/// The paths of `xtask/bench/src/bin/instructions.rs`, and what each is.
const PATHS: [(&str, &str); 4] = [
    ("request", "event to answer (GET /health)"),
    ("cookie", "session cookie verified"),
    ("cursor", "cursor made and read"),
    ("page", "20 projects as JSON"),
];

/// How often a path is run; the difference of the two is what counts.
const FEW: u64 = 100;
const MANY: u64 = 300;

/// Prints how many instructions one run of each path takes.
pub async fn count(program: &Path, json: bool) -> anyhow::Result<()> {
    let valgrind = programs::find("valgrind")
        .context("there is no valgrind on this machine, which counts instructions")?;
    let mut counts = BTreeMap::new();
    for (path, description) in PATHS {
        let few = run(&valgrind, program, path, FEW).await?;
        let many = run(&valgrind, program, path, MANY).await?;
        let each = many.saturating_sub(few) / (MANY - FEW);
        if !json {
            println!("{description:<32}{each:>10} instructions");
        }
        counts.insert(path, each);
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&counts)?);
    }
    Ok(())
}

async fn run(valgrind: &Path, program: &Path, path: &str, times: u64) -> anyhow::Result<u64> {
    let output = Command::new(valgrind)
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([path, &times.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{path} failed under valgrind:\n{said}"
    );
    // "==7== Collected : 123456"
    let collected = said
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    let collected = collected.with_context(|| format!("valgrind has counted nothing:\n{said}"))?;
    Ok(collected.trim().parse()?)
}
