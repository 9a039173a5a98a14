//! A database for each test.
//!
//! The migrations are applied once per server and schema, to a template that PostgreSQL copies for each test.

use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context as _, bail};
use futures_util::FutureExt as _;
use migrations::Options;
use nix::{errno::Errno, sys::signal::kill, unistd::Pid};
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use url::Url;
use uuid::Uuid;

use crate::postgres::{Postgres, Server, keeper_program};

/// Start of the name of each test's database. The id of the test's process follows.
const TEST: &str = "codecave_test_";
/// Start of the name of each template. A hash of the migrations follows.
const TEMPLATE: &str = "codecave_template_";
/// Key of the advisory lock that is held while a template is made.
const LOCK: i64 = 0x0063_6f64_656b_6974;
/// `invalid_catalog_name`: the template does not exist.
const NO_TEMPLATE: &str = "3D000";

/// The tables that a test starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// The tables of all migrations.
    Migrated,
    /// No tables.
    Empty,
}

/// Runs a test on a database of its own, and removes the database afterwards. `#[testkit::test]` calls this.
pub fn run<F: Future<Output = ()>>(schema: Schema, test: fn(PgPool) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let outcome = runtime.block_on(async {
        let database = TestDatabase::create(schema)
            .await
            .unwrap_or_else(|error| panic!("no database for the test: {error:#}"));
        let pool = database.pool();
        let outcome = AssertUnwindSafe(test(pool.clone())).catch_unwind().await;
        pool.close().await;
        database
            .remove()
            .await
            .expect("the database can be removed");
        outcome
    });
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// Returns the address of a test's database, for another process.
pub fn address(db: &PgPool) -> String {
    let options = db.connect_options();
    database_address(options.get_database().unwrap_or_default())
        .expect("the server of a test has an address")
}

/// Returns a pool of that many connections to the database of another pool.
pub fn with_connections(db: &PgPool, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .connect_lazy_with(db.connect_options().as_ref().clone())
}

/// The database of one test.
pub struct TestDatabase {
    /// A connection to another database of the server. PostgreSQL cannot drop a database from within.
    admin: PgConnection,
    name: String,
}

impl TestDatabase {
    /// Creates a database on the server of the tests.
    pub async fn create(schema: Schema) -> anyhow::Result<Self> {
        let mut admin = PgConnection::connect(&server()?)
            .await
            .context("the server of the tests cannot be reached")?;
        let name = format!("{TEST}{}_{}", std::process::id(), Uuid::new_v4().simple());
        match schema {
            Schema::Empty => copy(&mut admin, &name, "template0").await?,
            Schema::Migrated => {
                let migrator = migrations::migrator();
                let template = template_name(&migrator);
                let copied = copy(&mut admin, &name, &template).await;
                if is_missing_template(&copied) {
                    make_template(&mut admin, &template, &migrator).await?;
                    copy(&mut admin, &name, &template).await?;
                } else {
                    copied?;
                }
            }
        }
        Ok(Self { admin, name })
    }

    /// Returns a pool that connects when a connection is first needed.
    pub fn pool(&self) -> PgPool {
        let address = self.address();
        PgPoolOptions::new()
            .max_connections(5)
            .idle_timeout(Duration::from_secs(1))
            .connect_lazy(&address)
            .expect("the address is valid")
    }

    /// Returns the address of the database.
    pub fn address(&self) -> String {
        database_address(&self.name).expect("the address is valid")
    }

    /// Terminates the remaining connections and removes the database.
    pub async fn remove(mut self) -> sqlx::Result<()> {
        drop_database(&mut self.admin, &self.name).await?;
        self.admin.close().await
    }
}

/// Removes databases of tests that were killed on this machine, and templates of other migrations.
pub async fn remove_leftovers(server: &str) -> sqlx::Result<()> {
    let mut admin = PgConnection::connect(server).await?;
    let names: Vec<String> = sqlx::query_scalar("select datname from pg_database")
        .fetch_all(&mut admin)
        .await?;
    let current = template_name(&migrations::migrator());
    for name in names {
        let is_stale = name.starts_with(TEMPLATE) && name != current;
        if is_stale || process_of(&name).is_some_and(|process| !is_alive(process)) {
            drop_database(&mut admin, &name).await?;
        }
    }
    admin.close().await
}

/// Returns the id of the process that created a test's database.
fn process_of(database: &str) -> Option<i32> {
    let (process, _) = database.strip_prefix(TEST)?.split_once('_')?;
    process.parse().ok()
}

fn is_alive(process: i32) -> bool {
    kill(Pid::from_raw(process), None) != Err(Errno::ESRCH)
}

/// Returns the address of the server for tests: that of `DATABASE_URL`, or the local server's. Starts the local server.
fn server() -> anyhow::Result<String> {
    static SERVER: OnceLock<Result<Postgres, String>> = OnceLock::new();
    let started = || match Postgres::given() {
        Some(server) => Ok(server),
        None => Postgres::start(Server::Test, &keeper_program()?),
    };
    let server = SERVER.get_or_init(|| started().map_err(|error| format!("{error:#}")));
    match server {
        Ok(postgres) => Ok(postgres.admin_url()),
        Err(error) => {
            bail!("{error}; the tests need PostgreSQL, install it or set DATABASE_URL to a server")
        }
    }
}

fn database_address(name: &str) -> anyhow::Result<String> {
    let mut url = Url::parse(&server()?)?;
    url.set_path(name);
    Ok(url.into())
}

fn template_name(migrator: &Migrator) -> String {
    // FNV-1a over the texts of the migrations.
    let hash = migrator
        .iter()
        .flat_map(|migration| migration.sql.as_str().as_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{TEMPLATE}{hash:016x}")
}

/// Creates the template, unless a concurrent process has created it.
async fn make_template(
    admin: &mut PgConnection,
    name: &str,
    migrator: &Migrator,
) -> anyhow::Result<()> {
    sqlx::query("select pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut *admin)
        .await?;
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut *admin)
            .await?;
    if !exists {
        // The template is renamed when it is complete.
        let draft = format!("{name}_draft");
        drop_database(admin, &draft).await?;
        copy(admin, &draft, "template0").await?;
        let database: PgConnectOptions = database_address(&draft)?.parse()?;
        migrations::run(migrator, Options::new(&database, &mut |_| {})).await?;
        execute(
            admin,
            format!(r#"alter database "{draft}" rename to "{name}""#),
        )
        .await?;
    }
    sqlx::query("select pg_advisory_unlock($1)")
        .bind(LOCK)
        .execute(&mut *admin)
        .await?;
    Ok(())
}

fn is_missing_template(copied: &sqlx::Result<()>) -> bool {
    let Err(sqlx::Error::Database(error)) = copied else {
        return false;
    };
    error.code().as_deref() == Some(NO_TEMPLATE)
}

async fn copy(admin: &mut PgConnection, name: &str, template: &str) -> sqlx::Result<()> {
    let statement = format!(r#"create database "{name}" template "{template}""#);
    execute(admin, statement).await
}

async fn drop_database(admin: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    // A pooler may still hold connections.
    let statement = format!(r#"drop database if exists "{name}" with (force)"#);
    execute(admin, statement).await
}

async fn execute(admin: &mut PgConnection, statement: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(admin)
        .await?;
    Ok(())
}
