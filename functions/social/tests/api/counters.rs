//! Random operations over eight connections: afterwards every counter equals its rows.

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use shared::testing::{App, Caller};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{DRIFT, number, project, sql};

/// The same operations come in the same order each time; how they interleave is up to PostgreSQL.
const SEED: u64 = 0x00C0_DECA_FE00_0004;
const CASES: usize = 1_000;
const CONNECTIONS: usize = 8;
const USERS: usize = 5;
const PROJECTS: [&str; 3] = ["p0", "p1", "p2"];

/// What somebody does at some moment.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Like(usize, usize),
    Unlike(usize, usize),
    Follow(usize, usize),
    Unfollow(usize, usize),
    Comment(usize, usize),
    Retract(usize),
    Publish(usize, bool),
    Activate(usize, bool),
    DeleteProject(usize),
    DeleteAccount(usize),
}

impl Operation {
    fn random(random: &mut StdRng) -> Self {
        let user = random.random_range(..USERS);
        let other = random.random_range(..USERS);
        let project = random.random_range(..PROJECTS.len());
        match random.random_range(..100_u32) {
            0..25 => Self::Like(user, project),
            25..45 => Self::Unlike(user, project),
            45..65 => Self::Follow(user, other),
            65..80 => Self::Unfollow(user, other),
            80..86 => Self::Comment(user, project),
            86..89 => Self::Retract(user),
            89..92 => Self::Publish(project, random.random()),
            92..95 => Self::Activate(user, random.random()),
            95..98 => Self::DeleteProject(project),
            _ => Self::DeleteAccount(user),
        }
    }

    async fn run(self, world: &World) {
        let user = |index: usize| &world.users[index];
        let db = &world.db;
        let answer = match self {
            Self::Like(who, what) => {
                let path = format!("/projects/{}/like", PROJECTS[what]);
                user(who).put(&path, json!({})).await
            }
            Self::Unlike(who, what) => {
                let path = format!("/projects/{}/like", PROJECTS[what]);
                user(who).delete(&path).await
            }
            Self::Follow(who, whom) => {
                let path = format!("/users/{}/follow", user(whom).id);
                user(who).put(&path, json!({})).await
            }
            Self::Unfollow(who, whom) => {
                let path = format!("/users/{}/follow", user(whom).id);
                user(who).delete(&path).await
            }
            Self::Comment(who, what) => {
                let path = format!("/projects/{}/comments", PROJECTS[what]);
                user(who).post(&path, json!({ "content": "x" })).await
            }
            Self::Retract(who) => {
                let newest: Option<String> = sqlx::query_scalar(
                    r#"select id from comments where "authorId" = $1 order by "createdAt" desc limit 1"#,
                )
                .bind(&user(who).id)
                .fetch_optional(db)
                .await
                .expect("comments are read");
                let path = format!("/comments/{}", newest.unwrap_or_default());
                user(who).delete(&path).await
            }
            Self::DeleteAccount(who) => world.leaving[who].delete("/users/profile").await,
            Self::Publish(what, is_public) => {
                let statement = if is_public {
                    r#"update projects set "isPublic" = true where id = $1"#
                } else {
                    r#"update projects set "isPublic" = false where id = $1"#
                };
                return sql(db, statement, &[PROJECTS[what]]).await;
            }
            Self::Activate(who, is_active) => {
                let statement = if is_active {
                    r#"update "user" set "isActive" = true where id = $1"#
                } else {
                    r#"update "user" set "isActive" = false where id = $1"#
                };
                return sql(db, statement, &[&user(who).id]).await;
            }
            Self::DeleteProject(what) => {
                return sql(db, "delete from projects where id = $1", &[PROJECTS[what]]).await;
            }
        };
        let status = answer.status.as_u16();
        let documented = [200, 201, 204, 400, 401, 403, 404];
        assert!(documented.contains(&status), "{self:?}: {answer:?}");
    }
}

struct World {
    db: PgPool,
    social: App,
    accounts: App,
    users: Vec<Caller>,
    /// The same people at the users function.
    leaving: Vec<Caller>,
}

impl World {
    async fn new(db: PgPool) -> Self {
        let mut world = Self {
            social: crate::app(&db),
            accounts: App::new(users::api(), db.clone()),
            db,
            users: Vec::new(),
            leaving: Vec::new(),
        };
        for _ in 0..USERS {
            let user = world.social.user("somebody").await;
            world.leaving.push(world.accounts.session(&user.id).await);
            world.users.push(user);
        }
        world
    }

    /// Puts back what was deleted.
    async fn restore(&mut self) {
        let ids: Vec<String> = sqlx::query_scalar(r#"select id from "user""#)
            .fetch_all(&self.db)
            .await
            .expect("users are read");
        for index in 0..USERS {
            if !ids.contains(&self.users[index].id) {
                self.users[index] = self.social.user("somebody").await;
                self.leaving[index] = self.accounts.session(&self.users[index].id).await;
            }
        }
        let projects: Vec<String> = sqlx::query_scalar("select id from projects")
            .fetch_all(&self.db)
            .await
            .expect("projects are read");
        for (index, id) in PROJECTS.iter().enumerate() {
            if !projects.iter().any(|known| known == id) {
                project(&self.db, id, &self.users[index].id, true).await;
            }
        }
    }
}

#[sqlx::test(migrator = "shared::testing::MIGRATOR")]
async fn counters_equal_their_rows_after_whatever_happens_at_once(
    options: PgPoolOptions,
    connect: PgConnectOptions,
) {
    let connections = u32::try_from(CONNECTIONS).unwrap();
    let db = options
        .max_connections(connections)
        .connect_with(connect)
        .await
        .unwrap();
    let mut world = World::new(db).await;
    let mut random = StdRng::seed_from_u64(SEED);

    for case in 0..CASES {
        world.restore().await;
        let operations: Vec<Operation> = (0..CONNECTIONS)
            .map(|_| Operation::random(&mut random))
            .collect();
        join_all(operations.iter().map(|operation| operation.run(&world))).await;
        let drift = number(&world.db, DRIFT, &[]).await;
        assert_eq!(drift, 0, "case {case}: {operations:?}");
    }
    // The cases have left something to count.
    assert!(number(&world.db, "select count(*) from follows", &[]).await > 0);
}
