//! Runs a program that runs tests: the output goes to a file, and one line shows the progress.

use std::{
    fs::File,
    io::Write as _,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use launch::{StatusLine, without_escapes};
use testkit::process::Group;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::Command,
    sync::mpsc,
};

use super::outcome::log_file;

/// A run that has ended.
pub struct Finished {
    pub lines: Vec<String>,
    pub status: ExitStatus,
    pub duration: Duration,
    pub log: PathBuf,
}

/// Runs the command to its end. `progress` gets each line of its output and returns what the line of progress shows.
pub async fn run(
    suite: &str,
    command: &mut Command,
    mut progress: impl FnMut(&str) -> Option<String>,
) -> anyhow::Result<Finished> {
    let path = log_file(suite)?;
    let mut file = File::create(&path)?;
    let started = Instant::now();
    let mut status_line = StatusLine::start(&format!("Running {suite} tests"), "");
    let mut group = Group::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let (output, errors) = (group.stdout(), group.stderr());
    let reading = async {
        tokio::try_join!(read(output, sender.clone()), read(errors, sender.clone()))?;
        drop(sender);
        anyhow::Ok(())
    };
    let mut lines = Vec::new();
    let taking = async {
        while let Some(line) = receiver.recv().await {
            writeln!(file, "{line}")?;
            if let Some(text) = progress(&line) {
                status_line.update(&text);
            }
            lines.push(line);
        }
        anyhow::Ok(())
    };
    tokio::try_join!(reading, taking)?;
    let status = group.wait().await?;
    status_line.finish(if status.success() { "passed" } else { "FAILED" });
    Ok(Finished {
        lines,
        status,
        duration: started.elapsed(),
        log: path,
    })
}

async fn read(
    output: Option<impl AsyncRead + Unpin>,
    sender: mpsc::UnboundedSender<String>,
) -> anyhow::Result<()> {
    let Some(output) = output else {
        return Ok(());
    };
    let mut lines = BufReader::new(output).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        sender.send(without_escapes(&String::from_utf8_lossy(&line)))?;
    }
    Ok(())
}
