//! Durations of requests and of the shutdown with a slow Sentry.

use std::time::{Duration, Instant};

use testkit::ports::free_port;
use tokio::time::sleep;

use crate::{ingest::Ingest, program::Program};

const ROUNDS: usize = 200;
/// Pause between two requests, so that sending events of one does not slow down the next.
const PAUSE: Duration = Duration::from_millis(5);

async fn trouble(dsn: &str) -> Program {
    Program::start(
        "trouble",
        &[
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
            ("SENTRY_DSN", dsn),
            ("SENTRY_TRACES_SAMPLE_RATE", "1"),
            ("RUST_LOG", "warn"),
        ],
    )
    .await
}

/// Returns the median duration of a failing request for each program. The programs take turns, so that a busy machine
/// affects all of them.
async fn medians<const N: usize>(programs: &[Program; N]) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (program, times) in programs.iter().zip(&mut times) {
            sleep(PAUSE).await;
            let started = Instant::now();
            let answer = program.get("/fails").send().await.unwrap();
            assert_eq!(answer.status(), 500);
            assert!(!answer.bytes().await.unwrap().is_empty());
            times.push(started.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[ROUNDS / 2]
    })
}

fn percent(time: Duration, of: Duration) -> f64 {
    100.0 * (time.as_secs_f64() / of.as_secs_f64() - 1.0)
}

#[tokio::test]
async fn a_slow_or_unreachable_sentry_delays_no_response() {
    let fast = Ingest::start().await;
    let slow = Ingest::slow(Duration::from_secs(1)).await;
    let dead = format!("http://key@127.0.0.1:{}/7", free_port().unwrap());
    let programs = [
        trouble("").await,
        trouble(&fast.dsn()).await,
        trouble(&slow.dsn()).await,
        trouble(&dead).await,
    ];

    let [none, fast, slow, dead] = medians(&programs).await;

    eprintln!(
        "median of a failure without Sentry: {none:?}; with one that is fast: {fast:?}, \
         takes a second: {slow:?} ({:+.1} %), dead: {dead:?} ({:+.1} %)",
        percent(slow, fast),
        percent(dead, fast),
    );
    // A response that waits for Sentry would take a second. The margin allows for a busy machine.
    assert!(slow < fast + Duration::from_millis(100));
    assert!(dead < fast + Duration::from_millis(100));
}

#[tokio::test]
async fn the_shutdown_sends_pending_events() {
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
async fn an_unreachable_sentry_does_not_delay_the_shutdown() {
    let never = Ingest::slow(Duration::from_mins(10)).await;
    for dsn in [
        never.dsn(),
        format!("http://key@127.0.0.1:{}/7", free_port().unwrap()),
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
