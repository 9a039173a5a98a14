//! Describes the statement that made a migration fail.

use anyhow::anyhow;
use migrations::StatementError;
use sqlx::{
    migrate::{MigrateError, Migration, Migrator},
    postgres::{PgDatabaseError, PgErrorPosition},
};

/// Returns the file of a migration, relative to the root of the workspace.
pub fn file_name(migration: &Migration) -> String {
    path(migration.version, &migration.description)
}

fn path(version: i64, description: &str) -> String {
    format!("migrations/{version}_{}.sql", description.replace(' ', "_"))
}

/// Adds the file, the line and the statement to the error, if it has a statement.
pub fn explain(migrator: &Migrator, error: anyhow::Error) -> anyhow::Error {
    if let Some(MigrateError::VersionMismatch(version)) = error.downcast_ref() {
        return match migrator
            .iter()
            .find(|migration| migration.version == *version)
        {
            Some(migration) => changed(migration),
            None => error,
        };
    }
    match error.downcast_ref::<StatementError>() {
        Some(failure) if error.chain().count() > 1 => describe(failure).context(error.to_string()),
        Some(failure) => describe(failure),
        None => error,
    }
}

fn changed(migration: &Migration) -> anyhow::Error {
    anyhow!(
        "{} was changed after it was applied to this database. Put it back and make the change in a new migration; \
         or, as long as it has been applied nowhere else, start with an empty database: \
         `cargo xtask dev --fresh`",
        file_name(migration)
    )
}

fn describe(failure: &StatementError) -> anyhow::Error {
    let said = failure
        .cause
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    let Some(said) = said else {
        return anyhow!(
            "{}:{}: {}",
            path(failure.version, &failure.description),
            failure.line,
            failure.cause
        );
    };
    let line_in_statement = match said.position() {
        Some(PgErrorPosition::Original(position)) => failure
            .statement
            .chars()
            .take(position.saturating_sub(1))
            .filter(|character| *character == '\n')
            .count(),
        _ => 0,
    };
    let shown = failure
        .statement
        .lines()
        .nth(line_in_statement)
        .unwrap_or_default()
        .trim();
    let place = path(failure.version, &failure.description);
    let line = failure.line + line_in_statement;
    let mut lines = vec![
        format!("{place}:{line}: {}", said.message()),
        shown.to_owned(),
    ];
    let more = [
        ("detail", said.detail()),
        ("hint", said.hint()),
        ("in", said.r#where()),
    ];
    for (label, text) in more {
        lines.extend(text.map(|text| format!("{label}: {}", text.replace('\n', " "))));
    }
    anyhow!(lines.join("\n    "))
}
