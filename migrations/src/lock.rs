//! Serialises the programs that migrate a database.

use std::time::Duration;

use anyhow::Context as _;
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::sleep;

use crate::Progress;

/// Key of the advisory lock. It must differ from the keys of other locks in the database.
const KEY: i64 = 0x636f_6465_6361_7665;
/// Key of the lock that a session holds which executes migrations.
const SESSION_KEY: i64 = KEY + 1;
/// Time between two attempts to obtain the lock.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until the server has ended the session of a program that was killed. It finishes the statement that it executes.
pub async fn wait_for_predecessor(db: &mut PgConnection) -> sqlx::Result<()> {
    while !sqlx::query_scalar::<_, bool>("select pg_try_advisory_lock($1)")
        .bind(SESSION_KEY)
        .persistent(false)
        .fetch_one(&mut *db)
        .await?
    {
        sleep(PAUSE).await;
    }
    Ok(())
}

/// The right to migrate the database. It ends with the transaction of a connection of its own, so it also works through a
/// pooler that gives every transaction another server connection.
pub struct MigratorLock {
    connection: PgConnection,
}

impl MigratorLock {
    /// Waits until no other program holds the lock, by trying at intervals. A single statement that waits for the lock would
    /// keep a snapshot, and `create index concurrently` waits for every snapshot.
    pub async fn obtain(
        options: &PgConnectOptions,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> anyhow::Result<Self> {
        let mut connection = PgConnection::connect_with(options).await?;
        let mut is_reported = false;
        loop {
            sqlx::raw_sql("begin; set local idle_in_transaction_session_timeout = 0")
                .execute(&mut connection)
                .await?;
            let is_obtained: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
                .bind(KEY)
                .persistent(false)
                .fetch_one(&mut connection)
                .await?;
            if is_obtained {
                return Ok(Self { connection });
            }
            sqlx::raw_sql("rollback").execute(&mut connection).await?;
            if !is_reported {
                progress(Progress::Waiting);
                is_reported = true;
            }
            sleep(PAUSE).await;
        }
    }

    /// Fails if the connection was lost, and the lock with it.
    pub async fn verify(&mut self) -> anyhow::Result<()> {
        sqlx::raw_sql("select")
            .execute(&mut self.connection)
            .await
            .context("the lock of the migrations was lost; run them again")?;
        Ok(())
    }

    /// Lets the next program migrate.
    pub async fn release(mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("rollback")
            .execute(&mut self.connection)
            .await?;
        self.connection.close().await
    }
}
