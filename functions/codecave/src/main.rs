//! One program with every function. Its first argument chooses what it does: serve one group or all, apply the migrations,
//! remove expired rows, or check the health of a running program.

mod healthcheck;

use std::{env, process::ExitCode};

use migrate::Job;
use shared::serve::{Group, run, under_lambda};

const USAGE: &str = "\
Usage: codecave [COMMAND]

Commands:
  all                        Serve every group on one port (default)
  auth | users | projects | social | health
                             Serve one group
  migrate                    Apply the migrations that the database lacks
  sweep                      Remove expired rows and the objects of deleted files
  healthcheck [live | ready] Exit with 0 if the program on this machine's PORT is healthy, else with 1:
                             `live` (default) if it responds, `ready` if its database responds, too
  version                    Print the version
  help                       Print this text

The configuration is read from the environment.
";

/// Exit code for arguments that are not understood.
const MISUSE: u8 = 2;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let words: Option<Vec<&str>> = arguments.iter().map(|word| word.to_str()).collect();
    match words.as_deref() {
        Some([] | ["all"]) => run(all())?,
        Some(["auth"]) => run([auth::group()])?,
        Some(["users"]) => run([users::group()])?,
        Some(["projects"]) => run([projects::group()])?,
        Some(["social"]) => run([social::group()])?,
        Some(["health"]) => run([health::group()])?,
        Some(["migrate"]) if under_lambda() => migrate::serve()?,
        Some(["migrate"]) => migrate::run(Job::Migrate)?,
        Some(["sweep"]) => migrate::run(Job::Sweep)?,
        Some(["healthcheck"] | ["healthcheck", "live"]) => healthcheck::live()?,
        Some(["healthcheck", "ready"]) => healthcheck::ready()?,
        Some(["version" | "--version"]) => println!("codecave {}", env!("CARGO_PKG_VERSION")),
        Some(["help" | "--help"]) => print!("{USAGE}"),
        _ => {
            eprint!("{USAGE}");
            return Ok(MISUSE.into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every group. The last one responds to requests that belong to no group.
fn all() -> [Group; 5] {
    [
        auth::group(),
        users::group(),
        projects::group(),
        social::group(),
        health::group(),
    ]
}
