//! Runs a cargo build, and collects its binaries and diagnostics.

use std::{collections::HashMap, path::PathBuf, process::Stdio};

use launch::{Progress, Reader, configure};
use serde::Deserialize;
use testkit::process::Group;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::Command,
};

/// The result of a build.
#[derive(Debug, Default)]
pub struct Built {
    /// Paths of the binaries, by name. A binary that does not compile is missing.
    pub binaries: HashMap<String, PathBuf>,
    /// The errors, in the order in which the compiler reported them.
    pub errors: Vec<CompileError>,
    /// Number of warnings.
    pub warnings: usize,
}

/// An error of the compiler, of the linker or of cargo itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// One line: file, line, column and message.
    pub summary: String,
    /// The full text, with colours for a terminal.
    pub rendered: String,
}

/// Runs a build command and reports its progress. The errors of a failed build are part of the result.
pub async fn run(command: &mut Command, progress: impl FnMut(&Progress)) -> anyhow::Result<Built> {
    configure(command.as_std_mut());
    command
        .arg("--message-format=json-diagnostic-rendered-ansi")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut cargo = Group::spawn(command)?;
    let (output, text) = (cargo.stdout(), cargo.stderr());
    let (mut built, text) = tokio::try_join!(messages(output), follow(text, progress))?;
    let status = cargo.wait().await?;
    if !status.success() && built.errors.is_empty() {
        built.errors.push(CompileError::of_text(&text));
    }
    Ok(built)
}

impl CompileError {
    fn of_text(text: &str) -> Self {
        let first = text
            .lines()
            .find_map(|line| line.strip_prefix("error: "))
            .or_else(|| text.lines().next())
            .unwrap_or("cargo failed without a message");
        Self {
            summary: first.to_owned(),
            rendered: text.to_owned(),
        }
    }
}

async fn messages(output: Option<impl AsyncRead + Unpin>) -> anyhow::Result<Built> {
    let mut built = Built::default();
    let Some(output) = output else {
        return Ok(built);
    };
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        // A build script may print lines that are not messages.
        if let Ok(message) = serde_json::from_str(&line) {
            built.take(message);
        }
    }
    Ok(built)
}

async fn follow(
    output: Option<impl AsyncRead + Unpin>,
    mut progress: impl FnMut(&Progress),
) -> anyhow::Result<String> {
    let mut reader = Reader::default();
    if let Some(mut output) = output {
        let mut bytes = vec![0; 8192];
        loop {
            let count = output.read(&mut bytes).await?;
            if count == 0 {
                break;
            }
            if let Some(now) = reader.read(&bytes[..count]) {
                progress(&now);
            }
        }
    }
    Ok(reader.text().to_owned())
}

impl Built {
    fn take(&mut self, message: CargoMessage) {
        match message {
            CargoMessage::CompilerArtifact {
                target,
                // A program of tests has the name of its crate or binary.
                profile: ArtifactProfile { test: false },
                executable: Some(executable),
            } => {
                self.binaries.insert(target.name, executable);
            }
            CargoMessage::CompilerMessage { message } => match message.level.as_str() {
                level if level.starts_with("error") && !message.is_summary() => {
                    self.errors.push(message.into());
                }
                "warning" if !message.spans.is_empty() => self.warnings += 1,
                _ => {}
            },
            _ => {}
        }
    }
}

/// The messages of cargo that are used here:
/// <https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum CargoMessage {
    CompilerArtifact {
        target: ArtifactTarget,
        profile: ArtifactProfile,
        executable: Option<PathBuf>,
    },
    CompilerMessage {
        message: Diagnostic,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
}

#[derive(Deserialize)]
struct ArtifactProfile {
    /// Whether it is a program of tests.
    test: bool,
}

/// A diagnostic of the compiler: <https://doc.rust-lang.org/rustc/json.html#diagnostics>.
#[derive(Deserialize)]
struct Diagnostic {
    message: String,
    level: String,
    spans: Vec<Span>,
    rendered: Option<String>,
}

impl Diagnostic {
    /// Whether this is a summary such as `aborting due to 2 previous errors`.
    fn is_summary(&self) -> bool {
        self.spans.is_empty() && self.message.starts_with("aborting due to")
    }
}

#[derive(Deserialize)]
struct Span {
    file_name: PathBuf,
    line_start: usize,
    column_start: usize,
    is_primary: bool,
    expansion: Option<Box<Expansion>>,
}

#[derive(Deserialize)]
struct Expansion {
    /// The place where the macro is used.
    span: Span,
}

impl Span {
    /// Returns the place of an error in the workspace. An error in the expansion of a macro points into the crate of the macro;
    /// its place is where the workspace uses the macro.
    fn own(&self) -> Option<&Self> {
        // Paths of the workspace's sources are relative to its root.
        if self.file_name.is_relative() {
            return Some(self);
        }
        self.expansion.as_ref()?.span.own()
    }
}

impl From<Diagnostic> for CompileError {
    fn from(diagnostic: Diagnostic) -> Self {
        let primary = || diagnostic.spans.iter().filter(|span| span.is_primary);
        let place = primary().find_map(Span::own).or_else(|| primary().next());
        let message = rewrite_message(&diagnostic.message);
        let message = message.lines().next().unwrap_or_default();
        let summary = match place {
            Some(span) => format!(
                "{}:{}:{}: {message}",
                span.file_name.display(),
                span.line_start,
                span.column_start
            ),
            None => message.to_owned(),
        };
        let rendered = diagnostic.rendered.as_deref().unwrap_or(&summary);
        Self {
            rendered: rewrite_message(rendered),
            summary,
        }
    }
}

/// Removes the line in PostgreSQL's source that sqlx appends to an error of the database, because it reads like a line of
/// the statement. Replaces the command that sqlx recommends with this project's own.
fn rewrite_message(text: &str) -> String {
    let plain = |line: &str| match line.split_once("error returned from database: ") {
        Some((before, said)) => {
            let (said, digits) = said.rsplit_once(" at line ").unwrap_or((said, ""));
            let rest = digits.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}{said}{rest}")
        }
        None => line.to_owned(),
    };
    let text: String = text.split_inclusive('\n').map(plain).collect();
    // The command of sqlx needs its command-line tool.
    text.replace("cargo sqlx prepare", "cargo xtask sqlx-prepare")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn built(lines: &[Value]) -> Built {
        let mut built = Built::default();
        for line in lines {
            built.take(serde_json::from_value(line.clone()).unwrap());
        }
        built
    }

    fn artifact(name: &str, test: bool) -> Value {
        json!({
            "reason": "compiler-artifact",
            "target": { "name": name, "kind": ["bin"] },
            "profile": { "test": test },
            "executable": format!("/target/debug/{name}"),
            "fresh": false,
        })
    }

    fn message(level: &str, text: &str, spans: &[(&str, usize)]) -> Value {
        let spans: Vec<_> = spans
            .iter()
            .map(|(file, line)| {
                json!({
                    "file_name": file, "line_start": line, "column_start": 5, "is_primary": true,
                })
            })
            .collect();
        json!({
            "reason": "compiler-message",
            "message": {
                "message": text, "level": level, "spans": spans,
                "rendered": format!("\u{1b}[1m{level}\u{1b}[0m: {text}\n"),
            },
        })
    }

    #[test]
    fn an_error_has_its_location_and_a_summary_is_not_an_error() {
        let built = built(&[
            message(
                "error",
                "mismatched types",
                &[("functions/users/src/profile.rs", 12)],
            ),
            message("error", "aborting due to 2 previous errors", &[]),
            artifact("auth", false),
        ]);

        assert_eq!(built.errors.len(), 1);
        assert_eq!(
            built.errors[0].summary,
            "functions/users/src/profile.rs:12:5: mismatched types"
        );
        assert_eq!(built.binaries["auth"], PathBuf::from("/target/debug/auth"));
    }

    #[test]
    fn a_program_of_tests_does_not_replace_a_binary() {
        let mut tests = artifact("auth", true);
        tests["executable"] = json!("/target/debug/deps/auth-0123456789abcdef");

        let built = built(&[artifact("auth", false), tests]);

        assert_eq!(built.binaries["auth"], PathBuf::from("/target/debug/auth"));
    }

    #[test]
    fn a_query_without_metadata_names_the_projects_own_command() {
        let built = built(&[message(
            "error",
            "there is no cached data for this query, run `cargo sqlx prepare` to update the query cache",
            &[("functions/users/src/queries.rs", 1)],
        )]);

        let error = &built.errors[0];
        assert!(error.summary.contains("run `cargo xtask sqlx-prepare`"));
        assert!(error.rendered.contains("run `cargo xtask sqlx-prepare`"));
    }

    #[test]
    fn an_error_in_a_macro_is_placed_where_the_macro_is_used() {
        let mut error = message(
            "error",
            "error returned from database: no such column at line 1392",
            &[("/registry/sqlx/src/macros/mod.rs", 595)],
        );
        error["message"]["spans"][0]["expansion"] = json!({
            "span": {
                "file_name": "functions/auth/src/queries.rs",
                "line_start": 40, "column_start": 5, "is_primary": false,
            },
            "macro_decl_name": "sqlx::query!",
        });
        let built = built(&[error]);

        assert_eq!(
            built.errors[0].summary,
            "functions/auth/src/queries.rs:40:5: no such column"
        );
    }

    #[test]
    fn text_after_a_database_error_is_kept() {
        assert_eq!(
            rewrite_message(
                "error: error returned from database: role \"a\" at line 1 at line 768\u{1b}[0m\n --> a.rs at line 3\n"
            ),
            "error: role \"a\" at line 1\u{1b}[0m\n --> a.rs at line 3\n"
        );
    }

    #[test]
    fn warnings_are_counted_and_are_not_errors() {
        let built = built(&[
            message("warning", "unused variable", &[("shared/src/lib.rs", 3)]),
            message("warning", "1 warning emitted", &[]),
        ]);

        assert_eq!(built.warnings, 1);
        assert!(built.errors.is_empty());
    }

    #[test]
    fn an_error_of_cargo_itself_is_its_first_sentence() {
        let error = CompileError::of_text(
            "error: failed to parse manifest at `Cargo.toml`\n\nCaused by:\n  duplicate key\n",
        );

        assert_eq!(error.summary, "failed to parse manifest at `Cargo.toml`");
        assert!(error.rendered.contains("duplicate key"));
    }
}
