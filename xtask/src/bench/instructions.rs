//! Instruction counts, which do not depend on the load of the machine.

use std::{collections::BTreeMap, path::Path, process::Stdio};

use anyhow::{Context as _, ensure};
use testkit::programs;
use tokio::process::Command;

/// Names and descriptions of the paths in `xtask/bench/src/bin/instructions.rs`.
const PATHS: [(&str, &str); 4] = [
    ("request", "event to response (GET /health)"),
    ("cookie", "session cookie verified"),
    ("cursor", "cursor encoded and decoded"),
    ("page", "20 projects as JSON"),
];

/// Repetitions of a path in two runs. The difference of the two counts leaves out the cost of the start.
const FEW: u64 = 100;
const MANY: u64 = 300;

/// Prints the number of instructions that each path takes.
pub async fn count(program: &Path, json: bool) -> anyhow::Result<()> {
    let valgrind = programs::find("valgrind")
        .context("valgrind is not on this machine, and --instructions needs it")?;
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
    let collected = collected.with_context(|| format!("valgrind reported no count:\n{said}"))?;
    Ok(collected.trim().parse()?)
}
