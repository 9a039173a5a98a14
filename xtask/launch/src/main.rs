//! The alias `cargo xtask` of `.cargo/config.toml`: builds the developers' commands and starts them.
//!
//! The whole workspace is selected, so that the commands, the functions and the tests use the same builds of their
//! dependencies. `cargo run --package xtask` would compile about fifty crates a second time.

use std::{
    env, io,
    io::{IsTerminal as _, Read as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use launch::{Progress, Reader, StatusLine, configure};

/// A build that takes less time shows no status line.
const QUIET_TIME: Duration = Duration::from_millis(1500);

fn main() -> ExitCode {
    let outcome = build().and_then(|()| start());
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: cargo xtask cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the program. If it does not compile, prints cargo's diagnostics.
fn build() -> io::Result<()> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    configure(&mut cargo);
    if io::stderr().is_terminal() {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = cargo
        .args(["build", "--workspace", "--bin", "xtask"])
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut output = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let started = Instant::now();
    let mut reader = Reader::default();
    let mut line = None;
    let mut bytes = [0; 8192];
    loop {
        let count = output.read(&mut bytes)?;
        if count == 0 {
            break;
        }
        let Some(progress) = reader.read(&bytes[..count]) else {
            continue;
        };
        if line.is_none() && (is_long(&progress) || started.elapsed() > QUIET_TIME) {
            let note = if is_long(&progress) {
                "(some minutes the first time, seconds from then on)"
            } else {
                ""
            };
            line = Some(StatusLine::start("Building cargo xtask", note));
        }
        if let Some(line) = &mut line {
            line.update(&progress.to_string());
        }
    }
    if child.wait()?.success() {
        if let Some(line) = line {
            line.finish("");
        }
        return Ok(());
    }
    if let Some(line) = line {
        line.clear();
    }
    eprint!("{}", reader.text());
    Err(io::Error::other("it does not compile"))
}

/// Whether the build takes minutes.
fn is_long(progress: &Progress) -> bool {
    match progress {
        Progress::Downloading(_) => true,
        Progress::Building { done, total } => total - done > 50,
        Progress::Blocked | Progress::Resolving => false,
    }
}

/// Replaces this process by the program, which is in the same folder. Returns only on failure.
fn start() -> io::Result<ExitCode> {
    let program = env::current_exe()?.with_file_name("xtask");
    Err(Command::new(program).args(env::args_os().skip(1)).exec())
}

fn workspace() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_folder.ancestors().nth(2).unwrap_or(crate_folder);
    root.to_owned()
}
