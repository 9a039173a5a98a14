//! Random concurrent operations on eight connections. Afterwards every counter equals the number of its rows.

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use sqlx::PgPool;
use testing::{App, Caller};
use testkit::database::with_connections;

use crate::{DRIFT, number, project, sql};

/// Seed of the operations and their order; the interleaving is PostgreSQL's. The variable `COUNTERS_SEED` overrides it.
const SEED: u64 = 0x00C0_DECA_FE00_0004;
const CASES: usize = 1_000;
const CONNECTIONS: usize = 8;
const USERS: usize = 5;
const PROJECTS: [&str; 3] = ["p0", "p1", "p2"];
const READS: [&str; 5] = [
    "/feed",
    "/notifications",
    "/notifications/count",
    "/projects/p0/likes",
    "/projects/p1/comments",
];

const ROWS: &str = "
    select least(
        (select count(*) from follows), (select count(*) from likes), (select count(*) from comments)
    )";

/// An operation of one of the users.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Like(usize, usize),
    Unlike(usize, usize),
    Follow(usize, usize),
    Unfollow(usize, usize),
    Comment(usize, usize),
    Edit(usize),
    Retract(usize),
    Read(usize, usize),
    Publish(usize, bool),
    Activate(usize, bool),
    Ban(usize, bool),
    DeleteProject(usize),
    DeleteAccount(usize),
}

impl Operation {
    fn random(random: &mut StdRng) -> Self {
        let user = random.random_range(..USERS);
        let other = random.random_range(..USERS);
        let project = random.random_range(..PROJECTS.len());
        // Most changes enable something, or soon no operation would be possible.
        let good = random.random_bool(0.75);
        match random.random_range(..100_u32) {
            0..22 => Self::Like(user, project),
            22..36 => Self::Unlike(user, project),
            36..51 => Self::Follow(user, other),
            51..61 => Self::Unfollow(user, other),
            61..71 => Self::Comment(user, project),
            71..74 => Self::Edit(user),
            74..78 => Self::Retract(user),
            78..82 => Self::Read(user, random.random_range(..READS.len())),
            82..87 => Self::Publish(project, good),
            87..91 => Self::Activate(user, good),
            91..94 => Self::Ban(user, !good),
            94..97 => Self::DeleteProject(project),
            _ => Self::DeleteAccount(user),
        }
    }

    async fn run(self, world: &World) {
        let person = |index: usize| &world.people[index];
        let like = |project: usize| format!("/projects/{}/like", PROJECTS[project]);
        let follow = |whom: usize| format!("/users/{}/follow", person(whom).id());
        let thing = |project: usize| format!("/projects/{}", PROJECTS[project]);
        let answer = match self {
            Self::Like(who, what) => person(who).social.put(&like(what), json!({})).await,
            Self::Unlike(who, what) => person(who).social.delete(&like(what)).await,
            Self::Follow(who, whom) => person(who).social.put(&follow(whom), json!({})).await,
            Self::Unfollow(who, whom) => person(who).social.delete(&follow(whom)).await,
            Self::Comment(who, what) => {
                let path = format!("/projects/{}/comments", PROJECTS[what]);
                let body = json!({ "content": "x" });
                person(who).social.post(&path, body).await
            }
            Self::Edit(who) => {
                let path = world.newest_comment(who).await;
                person(who)
                    .social
                    .put(&path, json!({ "content": "y" }))
                    .await
            }
            Self::Retract(who) => {
                let path = world.newest_comment(who).await;
                person(who).social.delete(&path).await
            }
            Self::Read(who, what) => person(who).social.get(READS[what]).await,
            // The author of a project has the project's index.
            Self::Publish(what, is_public) => {
                let body = json!({ "isPublic": is_public });
                person(what).projects.put(&thing(what), body).await
            }
            Self::DeleteProject(what) => person(what).projects.delete(&thing(what)).await,
            Self::DeleteAccount(who) => person(who).accounts.delete("/users/profile").await,
            Self::Activate(who, is_active) => {
                let statement = if is_active {
                    r#"update "user" set "isActive" = true where id = $1"#
                } else {
                    r#"update "user" set "isActive" = false where id = $1"#
                };
                return sql(&world.db, statement, &[person(who).id()]).await;
            }
            Self::Ban(who, is_banned) => {
                let statement = if is_banned {
                    r#"update "user" set banned = true where id = $1"#
                } else {
                    r#"update "user" set banned = false where id = $1"#
                };
                return sql(&world.db, statement, &[person(who).id()]).await;
            }
        };
        let status = answer.status.as_u16();
        let documented = [200, 201, 204, 400, 401, 403, 404];
        assert!(documented.contains(&status), "{self:?}: {answer:?}");
    }
}

/// A user as a caller of each function that changes a counter.
struct Person {
    social: Caller,
    projects: Caller,
    accounts: Caller,
}

impl Person {
    fn id(&self) -> &str {
        &self.social.id
    }
}

struct World {
    db: PgPool,
    social: App,
    projects: App,
    accounts: App,
    people: Vec<Person>,
}

impl World {
    async fn new(db: PgPool) -> Self {
        let mut world = Self {
            social: crate::app(&db),
            projects: App::new(projects::api(), db.clone()),
            accounts: App::new(users::api(), db.clone()),
            db,
            people: Vec::new(),
        };
        for _ in 0..USERS {
            let person = world.person().await;
            world.people.push(person);
        }
        world
    }

    async fn person(&self) -> Person {
        let social = self.social.user("somebody").await;
        Person {
            projects: self.projects.session(&social.id).await,
            accounts: self.accounts.session(&social.id).await,
            social,
        }
    }

    /// Inserts deleted rows again.
    async fn restore(&mut self) {
        let (users, projects): (Vec<String>, Vec<String>) = sqlx::query_as(
            r#"select array(select id from "user"), array(select id from projects)"#,
        )
        .fetch_one(&self.db)
        .await
        .expect("ids are read");
        for index in 0..USERS {
            if !users.iter().any(|id| id == self.people[index].id()) {
                self.people[index] = self.person().await;
            }
        }
        for (index, id) in PROJECTS.iter().enumerate() {
            if !projects.iter().any(|known| known == id) {
                project(&self.db, id, self.people[index].id(), true).await;
            }
        }
    }

    /// Returns the path of the user's newest comment. The path is unknown if there is none.
    async fn newest_comment(&self, who: usize) -> String {
        let newest: Option<String> = sqlx::query_scalar(
            r#"select id from comments where "authorId" = $1 order by "createdAt" desc limit 1"#,
        )
        .bind(self.people[who].id())
        .fetch_optional(&self.db)
        .await
        .expect("comments are read");
        format!("/comments/{}", newest.unwrap_or_default())
    }
}

/// Prints how to repeat the run if it fails.
struct Run {
    seed: u64,
    case: usize,
    operations: Vec<Operation>,
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self {
                seed,
                case,
                operations,
            } = self;
            eprintln!("failed with COUNTERS_SEED={seed} at case {case}: {operations:?}");
        }
    }
}

#[testkit::test]
async fn counters_equal_their_rows_after_concurrent_operations(db: PgPool) {
    let connections = u32::try_from(CONNECTIONS).unwrap();
    let db = with_connections(&db, connections);
    let mut world = World::new(db).await;
    let seed = std::env::var("COUNTERS_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    let mut random = StdRng::seed_from_u64(seed);
    let mut run = Run {
        seed,
        case: 0,
        operations: Vec::new(),
    };
    let mut counted = 0;

    for case in 0..CASES {
        world.restore().await;
        run.case = case;
        run.operations = (0..CONNECTIONS)
            .map(|_| Operation::random(&mut random))
            .collect();
        join_all(run.operations.iter().map(|operation| operation.run(&world))).await;
        assert_eq!(number(&world.db, DRIFT, &[]).await, 0);
        counted += number(&world.db, ROWS, &[]).await;
    }
    println!("measured: tried {CASES} sets of concurrent operations; {counted} rows counted");
    // Most cases must have rows to count.
    assert!(counted > 1_000, "{counted}");
}
