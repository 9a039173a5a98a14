//! The table in which sqlx records the migrations that a database has.

use std::time::Duration;

use sqlx::{
    PgConnection,
    migrate::{MigrateError, Migration, Migrator},
};

/// Versions and checksums of the migrations that the database has.
pub async fn applied(db: &mut PgConnection) -> sqlx::Result<Vec<(i64, Vec<u8>)>> {
    let exists: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .persistent(false)
        .fetch_one(&mut *db)
        .await?;
    if !exists {
        return Ok(Vec::new());
    }
    sqlx::query_as("select version, checksum from _sqlx_migrations order by version")
        .persistent(false)
        .fetch_all(db)
        .await
}

/// The migrations that the database lacks. Fails if one that it has was changed.
pub fn missing<'a>(
    migrator: &'a Migrator,
    applied: &[(i64, Vec<u8>)],
) -> Result<Vec<&'a Migration>, MigrateError> {
    let mut missing = Vec::new();
    for migration in migrator.iter() {
        match applied
            .iter()
            .find(|(version, _)| *version == migration.version)
        {
            None => missing.push(migration),
            Some((_, checksum)) if *checksum == *migration.checksum => {}
            Some(_) => return Err(MigrateError::VersionMismatch(migration.version)),
        }
    }
    Ok(missing)
}

/// Records that a migration was applied, in the table of sqlx.
pub async fn record(
    db: &mut PgConnection,
    migration: &Migration,
    elapsed: Duration,
) -> sqlx::Result<()> {
    let exists: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .persistent(false)
        .fetch_one(&mut *db)
        .await?;
    if !exists {
        sqlx::raw_sql(
            "create table _sqlx_migrations (
                 version bigint primary key,
                 description text not null,
                 installed_on timestamptz not null default now(),
                 success boolean not null,
                 checksum bytea not null,
                 execution_time bigint not null
             )",
        )
        .execute(&mut *db)
        .await?;
    }
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values ($1, $2, true, $3, $4)",
    )
    .bind(migration.version)
    .bind(&*migration.description)
    .bind(&*migration.checksum)
    .bind(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
    .persistent(false)
    .execute(db)
    .await?;
    Ok(())
}
