//! Nobody waits for Sentry.

use std::time::{Duration, Instant};

use crate::{
    ingest::Ingest,
    program::{Program, free_port},
};

const REQUESTS: usize = 60;

/// The median time of a request that fails.
async fn median(dsn: &str) -> Duration {
    let program = Program::start(
        "trouble",
        &[
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
            ("SENTRY_DSN", dsn),
            ("SENTRY_TRACES_SAMPLE_RATE", "1"),
            ("RUST_LOG", "warn"),
        ],
    )
    .await;
    let mut times = Vec::new();
    for _ in 0..REQUESTS {
        let started = Instant::now();
        let answer = program.get("/fails").send().await.unwrap();
        assert_eq!(answer.status(), 500);
        assert!(!answer.bytes().await.unwrap().is_empty());
        times.push(started.elapsed());
    }
    times.sort();
    times[REQUESTS / 2]
}

#[tokio::test]
async fn a_slow_or_dead_sentry_delays_no_response() {
    let fast = Ingest::start().await;
    let slow = Ingest::slow(Duration::from_secs(1)).await;
    let dead = format!("http://key@127.0.0.1:{}/7", free_port());

    let expected = median(&fast.dsn()).await;
    for (name, dsn) in [("slow", slow.dsn()), ("dead", dead)] {
        let found = median(&dsn).await;
        eprintln!("median with a {name} Sentry: {found:?}, with a fast one: {expected:?}");
        // A response that waited would take a second; the margin is for a busy machine.
        assert!(found < expected + Duration::from_millis(100), "{name}");
    }
}

#[tokio::test]
async fn shutting_down_sends_what_is_left() {
    let ingest = Ingest::slow(Duration::from_millis(300)).await;
    let program = Program::start(
        "trouble",
        &[
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
            ("SENTRY_DSN", &ingest.dsn()),
        ],
    )
    .await;
    for _ in 0..3 {
        assert_eq!(program.get("/fails").send().await.unwrap().status(), 500);
    }

    let (status, _) = program.stop().await;

    assert!(status.success());
    assert_eq!(ingest.events().len(), 3);
}

#[tokio::test]
async fn a_dead_sentry_does_not_hold_up_the_end() {
    let never = Ingest::slow(Duration::from_mins(10)).await;
    for dsn in [
        never.dsn(),
        format!("http://key@127.0.0.1:{}/7", free_port()),
    ] {
        let program = Program::start(
            "trouble",
            &[
                ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
                ("SENTRY_DSN", &dsn),
            ],
        )
        .await;
        for _ in 0..5 {
            assert_eq!(program.get("/fails").send().await.unwrap().status(), 500);
        }

        let started = Instant::now();
        let (status, _) = program.stop().await;

        assert!(status.success());
        assert!(started.elapsed() < Duration::from_secs(8));
    }
}
