//! Fills the database with sample users and projects, and optionally with a large generated data set.

mod many;
pub mod pictures;
mod sample;

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};

use self::many::Size;
pub use self::sample::add_faces;
use crate::recount;

/// Numbers of rows to generate. Without options, only the sample data is added.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SeedOptions {
    /// Also generate this many projects
    #[arg(long)]
    pub projects: Option<i32>,
    /// … by this many users [default: a fifth of the projects]
    #[arg(long)]
    pub users: Option<i32>,
    /// … with this many likes [default: ten a project]
    #[arg(long)]
    pub likes: Option<i32>,
    /// … comments [default: five a project]
    #[arg(long)]
    pub comments: Option<i32>,
    /// … and follows [default: twenty-five a user]
    #[arg(long)]
    pub follows: Option<i32>,
    /// … and one more user, who follows this many of them
    #[arg(long)]
    pub follower: Option<i32>,
}

impl SeedOptions {
    /// This many projects, and the default numbers of all other rows.
    pub fn of_projects(projects: i32) -> Self {
        Self {
            projects: Some(projects),
            ..Self::default()
        }
    }

    fn size(&self) -> Option<Size> {
        let given = [
            self.projects,
            self.users,
            self.likes,
            self.comments,
            self.follows,
            self.follower,
        ];
        if given.iter().all(Option::is_none) {
            return None;
        }
        let users = self.users.or(self.projects.map(|projects| projects / 5));
        let users = users.unwrap_or(1000).max(1);
        let projects = self.projects.unwrap_or_else(|| users.saturating_mul(5));
        let each = |given: Option<i32>, count: i32, of: i32| {
            given.unwrap_or_else(|| of.saturating_mul(count)).max(0)
        };
        Some(Size {
            users,
            projects: projects.max(0),
            likes: each(self.likes, 10, projects),
            comments: each(self.comments, 5, projects),
            follows: each(self.follows, 25, users),
            follower: self.follower.unwrap_or(0),
        })
    }
}

/// Adds the rows that are missing, and repairs the counters. A second run changes nothing.
pub async fn run(database: &PgConnectOptions, options: &SeedOptions) -> anyhow::Result<()> {
    let mut db = PgConnection::connect_with(database).await?;
    many::restore_indexes(&mut db).await?;
    sample(&mut db).await?;
    if let Some(size) = options.size() {
        many::insert(database, size).await?;
    } else {
        recount::run(&mut db).await?;
        // Updates the statistics of the planner, and the visibility map that index-only scans need.
        sqlx::raw_sql("vacuum (analyze)").execute(&mut db).await?;
    }
    report(&mut db).await?;
    db.close().await?;
    Ok(())
}

/// Adds the sample data, and the session and the API key that the events of `events/` use. Does not repair the counters.
pub async fn sample(db: &mut PgConnection) -> sqlx::Result<()> {
    sample::insert(db).await?;
    sample::sign_in(db).await
}

async fn report(db: &mut PgConnection) -> anyhow::Result<()> {
    let counts: (i64, i64, i64, i64, i64) = sqlx::query_as(
        r#"
        select
            (select count(*) from "user"),
            (select count(*) from projects),
            (select count(*) from likes),
            (select count(*) from comments),
            (select count(*) from follows)
        "#,
    )
    .fetch_one(db)
    .await?;
    let (users, projects, likes, comments, follows) = counts;
    println!(
        "the database holds {users} users, {projects} projects, {likes} likes, {comments} comments \
         and {follows} follows"
    );
    Ok(())
}
