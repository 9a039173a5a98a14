//! Tasks that send reads and writes one after the other, and record the results.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::extract::State;
use serde_json::{Value, json};
use shared::{
    AppState, fields,
    http::{Api, Check as _, CurrentUser, Json, Result, Viewer, get, post, text},
};
use sqlx::PgConnection;
use testing::{App, Caller};
use tokio::{task::JoinSet, time::sleep};

const READERS: usize = 6;
const WRITERS: usize = 4;
/// Pause between two requests of a task.
const PAUSE: Duration = Duration::from_millis(5);
/// Maximum duration of a request on a busy machine.
const MAX_WAIT: Duration = Duration::from_millis(2500);

fields! {
    struct Mark {
        mark: String = "mark", text().not_empty().required();
    }
}

async fn read(viewer: Viewer, State(app): State<AppState>) -> Result<Json<Value>> {
    let marks: i64 = sqlx::query_scalar("select count(*) from marks")
        .fetch_one(&app.db)
        .await?;
    Ok(Json(json!({"viewer": viewer.id(), "marks": marks})))
}

async fn write(
    _: CurrentUser,
    State(app): State<AppState>,
    Json(mark): Json<Mark>,
) -> Result<Json<Value>> {
    sqlx::query("insert into marks values ($1)")
        .bind(&mark.mark)
        .execute(&app.db)
        .await?;
    Ok(Json(json!({})))
}

async fn write_in_transaction(
    _: CurrentUser,
    State(app): State<AppState>,
    Json(mark): Json<Mark>,
) -> Result<Json<Value>> {
    let mut tx = app.db.begin().await?;
    sqlx::query("insert into marks values ($1)")
        .bind(&mark.mark)
        .execute(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(Json(json!({})))
}

/// Returns routes that read and write marks.
pub fn api() -> Api {
    Api::new(
        "chaos",
        "Chaos",
        [
            get("listMarks", "/marks", read).public("a test"),
            post("createMark", "/marks", write),
            post("createMarkWhole", "/marks/whole", write_in_transaction),
        ],
    )
}

/// The results of one task.
#[derive(Default)]
struct Outcome {
    statuses: BTreeMap<u16, usize>,
    acknowledged: Vec<String>,
    longest: Duration,
}

impl Outcome {
    fn record(&mut self, status: u16, started: Instant) {
        *self.statuses.entry(status).or_default() += 1;
        self.longest = self.longest.max(started.elapsed());
    }
}

/// Requests that are sent until [`Load::finish`].
pub struct Load {
    app: App,
    ada: Caller,
    ended: Arc<AtomicBool>,
    tasks: JoinSet<Outcome>,
}

impl Load {
    /// Sends requests to a group that uses the database with that address.
    pub async fn start(url: String) -> Self {
        let variables = [
            ("DATABASE_URL", url),
            ("DATABASE_MAX_CONNECTIONS", "4".to_owned()),
            ("RATE_LIMIT_READ", "1000000/60".to_owned()),
            ("RATE_LIMIT_ANON", "1000000/60".to_owned()),
            ("RATE_LIMIT_WRITE", "1000000/60".to_owned()),
        ];
        let variables: Vec<_> = variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let app = App::connected(api(), &variables);
        let ada = app.user("ada").await;
        let ended = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..READERS + WRITERS {
            let caller = if number % 2 == 0 {
                ada.clone()
            } else {
                app.anyone()
            };
            let (writer, ended) = (ada.clone(), ended.clone());
            tasks.spawn(async move {
                let mut outcome = Outcome::default();
                let mut round = 0_u32;
                while !ended.load(Ordering::Relaxed) {
                    let started = Instant::now();
                    if number < READERS {
                        let answer = caller.get("/marks").await;
                        outcome.record(answer.status.as_u16(), started);
                    } else {
                        let mark = format!("{number}-{round}");
                        let path = ["/marks", "/marks/whole"][number % 2];
                        let answer = writer.post(path, json!({ "mark": mark })).await;
                        outcome.record(answer.status.as_u16(), started);
                        if answer.status == 200 {
                            outcome.acknowledged.push(mark);
                        }
                    }
                    round += 1;
                    sleep(PAUSE).await;
                }
                outcome
            });
        }
        Self {
            app,
            ada,
            ended,
            tasks,
        }
    }

    /// Waits until a request succeeds, and checks the results of all requests. `db` has the rows. Returns how often each
    /// status was received.
    pub async fn finish(self, mut db: PgConnection, name: &str) -> BTreeMap<u16, usize> {
        let calm = Instant::now();
        while self
            .ada
            .post("/marks", json!({"mark": "last"}))
            .await
            .status
            != 200
        {
            assert!(
                calm.elapsed() < Duration::from_secs(5),
                "requests still fail"
            );
            sleep(Duration::from_millis(20)).await;
        }
        let recovered = calm.elapsed();
        sleep(Duration::from_millis(500)).await;
        self.ended.store(true, Ordering::Relaxed);
        let outcomes = self.tasks.join_all().await;
        self.app.state.db.close();

        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        for (status, times) in outcomes.iter().flat_map(|outcome| &outcome.statuses) {
            *statuses.entry(*status).or_default() += times;
        }
        let longest = outcomes
            .iter()
            .map(|outcome| outcome.longest)
            .max()
            .unwrap();
        let acknowledged: Vec<&String> = outcomes
            .iter()
            .flat_map(|outcome| &outcome.acknowledged)
            .collect();
        eprintln!(
            "measured: {name}: {statuses:?}, {} writes acknowledged, longest {longest:?}, recovered after {recovered:?}",
            acknowledged.len()
        );
        assert!(
            statuses.keys().all(|status| [200, 503].contains(status)),
            "{statuses:?}"
        );
        assert!(statuses[&200] > 50, "{statuses:?}");
        assert!(longest < MAX_WAIT, "{longest:?}");
        let marks: Vec<(String, i64)> =
            sqlx::query_as("select mark, count(*) from marks where mark <> 'last' group by mark")
                .fetch_all(&mut db)
                .await
                .unwrap();
        let marks: BTreeMap<String, i64> = marks.into_iter().collect();
        let twice: Vec<_> = marks.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        let lost: Vec<_> = acknowledged
            .into_iter()
            .filter(|mark| !marks.contains_key(*mark))
            .collect();
        assert!(lost.is_empty(), "{lost:?}");
        statuses
    }
}
