//! Generates a large and skewed data set inside PostgreSQL. A few users and projects have most of the likes, comments and
//! follows, and most of these are soon after a user or project was created.
//!
//! An empty database is filled by two connections, without triggers, and its indexes are built afterwards.

mod indexes;
mod rows;

use std::{collections::VecDeque, sync::Mutex, time::Instant};

use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, postgres::PgConnectOptions};

pub use self::indexes::restore as restore_indexes;

/// Numbers of rows to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub users: i32,
    pub projects: i32,
    pub likes: i32,
    pub comments: i32,
    pub follows: i32,
    /// Users that one additional user follows.
    pub follower: i32,
}

/// Seconds after which the time of a step is printed.
const WORTH_A_LINE: f32 = 0.1;

/// A statement of the generation.
struct Step {
    name: String,
    work: Work,
}

enum Work {
    /// Generates as many rows as `$1`. `$2` is the number of users, which some statements ignore.
    Generate(&'static str, i32, i32),
    /// Statements without parameters.
    Run(String),
}

impl Step {
    fn generate(name: &str, statement: &'static str, count: i32, users: i32) -> Self {
        Self {
            name: name.to_owned(),
            work: Work::Generate(statement, count, users),
        }
    }

    fn run(name: impl Into<String>, statements: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            work: Work::Run(statements.into()),
        }
    }

    async fn execute(self, db: &mut PgConnection) -> anyhow::Result<()> {
        let start = Instant::now();
        let name = match self.work {
            Work::Generate(statement, count, users) => {
                let query = sqlx::query(statement).bind(count).bind(users);
                let rows = query.execute(db).await?.rows_affected();
                format!("{rows} {}", self.name)
            }
            Work::Run(statements) => {
                sqlx::raw_sql(AssertSqlSafe(statements)).execute(db).await?;
                self.name
            }
        };
        let seconds = start.elapsed().as_secs_f32();
        if seconds >= WORTH_A_LINE {
            println!("{name} in {seconds:.1} s");
        }
        Ok(())
    }
}

/// Inserts the rows that are missing, counts them, and updates the statistics. All values are derived from row numbers, so the
/// same size gives the same rows.
///
/// After a failure in an empty database, the next run builds the indexes and adds the rest of the rows. A failure in any other
/// database leaves it unchanged.
pub async fn insert(database: &PgConnectOptions, size: Size) -> anyhow::Result<()> {
    let mut db = connect(database).await?;
    // Triggers need the indexes. So do rows that exist already.
    let can_rebuild: bool = sqlx::query_scalar(
        "select
            current_setting('session_replication_role') = 'replica'
                and not exists (select from \"user\" where id = md5('user 1'))",
    )
    .fetch_one(&mut db)
    .await?;
    if can_rebuild {
        let mut workers = [db, connect(database).await?];
        fill(&mut workers, size).await?;
        for worker in workers {
            worker.close().await?;
        }
    } else {
        add(&mut db, size).await?;
        vacuum(&mut [&mut db]).await?;
        db.close().await?;
    }
    Ok(())
}

async fn connect(database: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    let mut db = PgConnection::connect_with(database).await?;
    sqlx::raw_sql(rows::SETTINGS).execute(&mut db).await?;
    sqlx::raw_sql(rows::FUNCTIONS).execute(&mut db).await?;
    Ok(db)
}

/// Adds the missing rows in one transaction, in the order of the foreign keys.
async fn add(db: &mut PgConnection, size: Size) -> anyhow::Result<()> {
    let mut tx = db.begin().await?;
    sqlx::raw_sql(rows::CREATE_TABLES).execute(&mut *tx).await?;
    let steps = [
        Step::generate("users", rows::USERS, size.users, 0),
        Step::generate("keys of projects", rows::KEYS, size.projects, size.users),
        Step::generate("projects", rows::PROJECTS, size.projects, 0),
        Step::generate("likes", rows::LIKES, size.likes, 0),
        Step::generate("comments", rows::COMMENTS, size.comments, 0),
        Step::generate("follows", rows::FOLLOWS, size.follows, size.users),
        Step::generate("follows by one user", rows::FOLLOWER, size.follower, 0),
        Step::run("likes and comments counted", rows::COUNT_ACTS),
        Step::run("projects updated", rows::UPDATE_PROJECTS),
        Step::run("users updated", rows::UPDATE_USERS),
    ];
    for step in steps.into_iter().chain(kept()) {
        step.execute(&mut tx).await?;
    }
    sqlx::raw_sql(rows::DROP_TABLES).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Fills a database that has only sample rows. Projects are inserted after their likes and comments, together with their
/// counters, so that no row is written twice.
async fn fill(workers: &mut [PgConnection; 2], size: Size) -> anyhow::Result<()> {
    sqlx::raw_sql(rows::CREATE_TABLES)
        .execute(&mut workers[0])
        .await?;
    let mut builds = indexes::drop(&mut workers[0]).await?;
    let [first, second] = workers;
    let workers = &mut [first, second];
    let stages = [
        vec![Step::generate("users", rows::USERS, size.users, 0)],
        vec![Step::generate(
            "keys of projects",
            rows::KEYS,
            size.projects,
            size.users,
        )],
        vec![
            Step::generate("likes", rows::LIKES, size.likes, 0),
            Step::generate("follows", rows::FOLLOWS, size.follows, size.users),
            Step::generate("comments", rows::COMMENTS, size.comments, 0),
        ],
        vec![
            Step::run("likes and comments counted", rows::COUNT_ACTS),
            // Adds a user, who must not like or comment.
            Step::generate("follows by one user", rows::FOLLOWER, size.follower, 0),
        ],
    ];
    for stage in stages {
        run(workers, stage).await?;
    }
    let mut stage = vec![Step::generate("projects", rows::PROJECTS, size.projects, 0)];
    stage.append(&mut builds.of_acts);
    run(workers, stage).await?;
    run(
        workers,
        vec![
            Step::run("projects updated", rows::UPDATE_PROJECTS),
            Step::run("users updated", rows::UPDATE_USERS),
        ],
    )
    .await?;
    run(workers, builds.of_others).await?;
    indexes::finish(workers[0]).await?;
    vacuum(workers).await?;
    run(workers, kept().into()).await?;
    sqlx::raw_sql(rows::DROP_TABLES)
        .execute(&mut *workers[0])
        .await?;
    Ok(())
}

/// The counts and scores that triggers keep.
fn kept() -> [Step; 4] {
    [
        Step::run("totals counted", "select from correct_visible_totals()"),
        Step::run("scores counted", rows::COUNT_TRENDS),
        Step::run("tags and languages counted", rows::COUNT_FACETS),
        Step::run("skills and locations counted", rows::COUNT_USER_FACETS),
    ]
}

/// Updates the statistics of the planner, and the visibility maps that index-only scans need. Starts with the largest tables.
async fn vacuum(workers: &mut [&mut PgConnection]) -> anyhow::Result<()> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select oid::regclass::text
        from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace
        order by pg_relation_size(oid) desc",
    )
    .fetch_all(&mut *workers[0])
    .await?;
    let start = Instant::now();
    let steps = tables.iter().map(|table| {
        Step::run(
            format!("vacuumed {table}"),
            format!("vacuum (analyze) {table}"),
        )
    });
    run(workers, steps.collect()).await?;
    println!("vacuumed in {:.1} s", start.elapsed().as_secs_f32());
    Ok(())
}

/// Executes the steps. Each worker takes the next one when it is free. After a failure, no more steps are started.
async fn run(workers: &mut [&mut PgConnection], steps: Vec<Step>) -> anyhow::Result<()> {
    let queue = Mutex::new(VecDeque::from(steps));
    let next = || queue.lock().ok().and_then(|mut steps| steps.pop_front());
    let work = async |db: &mut PgConnection| {
        while let Some(step) = next() {
            let outcome = step.execute(db).await;
            if outcome.is_err() {
                while next().is_some() {}
            }
            outcome?;
        }
        anyhow::Ok(())
    };
    let outcomes = join_all(workers.iter_mut().map(|db| work(db))).await;
    outcomes.into_iter().collect()
}
