//! A database whose commits take some milliseconds, like those of Aurora, where unlogged tables are logged.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use testing::{App, Caller};

use crate::{load::api, node::Node, server::Server};

/// Number of reads one after the other, and of those at once.
const READS: usize = 200;
const AT_ONCE: usize = 64;
/// Number of attempts, of which the fastest counts.
const ROUNDS: usize = 3;

/// Makes each commit of a counter wait for 4 ms.
async fn delay_commits(server: &Server) {
    sqlx::raw_sql("alter table quota set logged")
        .execute(&mut server.connect("app").await)
        .await
        .unwrap();
    // An option of the start overrides the configuration.
    let options = server.options().replace("fsync=off", "fsync=on");
    server.control(&["stop", "-m", "fast"]).await;
    server.control(&["start", "-o", &options]).await;
    server.set("commit_siblings", "0").await;
    server.set("commit_delay", "4000").await;
}

/// Returns a user of an application that adds one in `sample` reads to the counters.
async fn reader(server: &Server, sample: &str) -> (App, Caller) {
    let url = Node::url(server.port);
    let variables = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_MAX_CONNECTIONS", "4"),
        ("RATE_LIMIT_READ", "1000000/60"),
        ("RATE_LIMIT_SAMPLE", sample),
    ];
    let app = App::connected(api(), &variables);
    let user = app.user(&format!("reader{sample}")).await;
    for _ in 0..20 {
        user.get("/marks").await.expect(200);
    }
    (app, user)
}

/// Returns the median time of reads one after the other.
async fn median(reader: &Caller) -> Duration {
    let mut times = Vec::new();
    for _ in 0..READS {
        let started = Instant::now();
        reader.get("/marks").await.expect(200);
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times[READS / 2]
}

/// Returns the time of reads of one user at once.
async fn at_once(reader: &Caller) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for answer in join_all((0..AT_ONCE).map(|_| reader.get("/marks"))).await {
            answer.expect(200);
        }
        fastest = fastest.min(started.elapsed());
    }
    fastest
}

#[tokio::test]
async fn reads_do_not_wait_for_commits() {
    let server = Server::start("commits").await;
    delay_commits(&server).await;
    let (sampled_app, sampled) = reader(&server, "8").await;
    let (exact_app, exact) = reader(&server, "1").await;

    let (one, one_exact) = (median(&sampled).await, median(&exact).await);
    let (many, many_exact) = (at_once(&sampled).await, at_once(&exact).await);

    sampled_app.lose_database();
    exact_app.lose_database();
    eprintln!(
        "measured: commits of 4 ms: a read takes {one:?} and {AT_ONCE} at once {many:?}; if each is counted, {one_exact:?} and {many_exact:?}"
    );
    assert!(one_exact > Duration::from_millis(4), "{one_exact:?}");
    assert!(one + Duration::from_millis(2) < one_exact, "{one:?}");
    assert!(many + Duration::from_millis(80) < many_exact, "{many:?}");
}
