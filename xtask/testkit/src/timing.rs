//! Time limits in tests.

use std::time::Duration;

/// Number of attempts.
const ATTEMPTS: usize = 5;

/// Repeats an attempt until it takes less than the limit, at most five times. On a busy machine some attempts take longer. With a
/// fault all of them do, if each starts from the same state: a breaker or a cache that a slow attempt leaves behind would make the
/// next one fast. An attempt returns the time that it took.
///
/// # Panics
///
/// If no attempt takes less than the limit.
pub async fn within(limit: Duration, mut attempt: impl AsyncFnMut() -> Duration) {
    let mut times = Vec::new();
    while times.len() < ATTEMPTS {
        let time = attempt().await;
        if time < limit {
            return;
        }
        times.push(time);
    }
    panic!("each attempt took longer than {limit:?}: {times:?}");
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);

    #[tokio::test]
    async fn one_attempt_within_the_limit_is_enough() {
        let attempts = Cell::new(0);

        within(LIMIT, async || {
            attempts.update(|count| count + 1);
            Duration::from_secs(4 - attempts.get())
        })
        .await;

        assert_eq!(attempts.get(), 3);
    }

    #[tokio::test]
    #[should_panic(expected = "each attempt took longer than 2s")]
    async fn it_fails_if_every_attempt_takes_too_long() {
        within(LIMIT, async || LIMIT).await;
    }
}
