//! Generated inputs, and the search for the simplest one that fails.

use std::{
    env,
    fmt::Debug,
    panic::AssertUnwindSafe,
    time::{Duration, Instant, SystemTime},
};

use futures_util::FutureExt as _;
use proptest::{
    char, collection,
    prelude::*,
    sample,
    strategy::ValueTree,
    test_runner::{RngAlgorithm, TestCaseResult, TestRng, TestRunner},
};
use serde_json::Value;

/// Names the variable with the seconds that each test generates inputs, other ones in each run. Without it, every run tries
/// the same inputs.
const SECONDS: &str = "FUZZ_SECONDS";
/// Names the variable with the number that the inputs depend on.
const SEED: &str = "FUZZ_SEED";
/// Maximum number of attempts to simplify an input that fails.
const ATTEMPTS: u32 = 500;

/// Texts that parsers treat specially. Generated texts consist of these and of other characters.
const PIECES: [&str; 48] = [
    "", " ", "\t", "\n", "\0", "\u{7f}", "é", "\u{301}", "\u{200d}", "🦀", "\u{fffd}", "%", "%2",
    "%41", "%00", "%ff", "+", "&", "=", ";", ",", "\"", "'", "\\", "/", "//", "..", "?", "#", "{",
    "}", "[", "]", "(", ")", "<", ">", ":", "*", "_", "`", "~", "|", "-", "!", "null", "1e999",
    "http://",
];

/// Texts of fewer than `most` pieces.
pub fn text(most: usize) -> impl Strategy<Value = String> {
    let part = prop_oneof![
        1 => char::any().prop_map(String::from),
        1 => char::range(' ', '~').prop_map(String::from),
        2 => sample::select(&PIECES[..]).prop_map(ToOwned::to_owned),
    ];
    collection::vec(part, 0..most).prop_map(|parts| parts.concat())
}

/// JSON values that are nested up to the depth.
pub fn json(depth: u32) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..1_000_000).prop_map(Value::from),
        text(12).prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 64, 4, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            collection::vec((text(6), inner), 0..4).prop_map(|fields| {
                let fields = fields.into_iter().collect();
                Value::Object(fields)
            }),
        ]
    })
}

/// Tries `cases` generated inputs, or as many as the time in `FUZZ_SECONDS` allows, and prints their number.
///
/// # Panics
/// If the test fails or panics. The message has the simplest input with which it does, and the seed.
pub async fn try_all<S: Strategy>(
    what: &str,
    cases: u32,
    strategy: &S,
    mut test: impl AsyncFnMut(S::Value) -> TestCaseResult,
) {
    let seconds: Option<u64> = variable(SECONDS);
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seed = variable(SEED).unwrap_or_else(|| end.map_or(1, |_| changing_seed()));
    let mut runner = runner(seed);
    let mut tried = 0;
    while end.map_or(tried < cases, |end| Instant::now() < end) {
        let tree = strategy
            .new_tree(&mut runner)
            .expect("a strategy without conditions");
        tried += 1;
        if let Some(reason) = failure(&mut test, tree.current()).await {
            let (input, reason) = simplest(tree, reason, &mut test).await;
            panic!(
                "{SEED}={seed} fails at {what} {tried}: {reason}\nThe simplest input is {input:?}"
            );
        }
    }
    println!("measured: tried {tried} {what}");
}

fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    let value = env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {value}")),
    )
}

fn changing_seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(1, |time| u64::from(time.subsec_nanos()))
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(ProptestConfig::default(), random)
}

/// Returns why the test fails with the input, or `None` if it passes.
async fn failure<T: Debug>(
    test: &mut impl AsyncFnMut(T) -> TestCaseResult,
    input: T,
) -> Option<String> {
    match AssertUnwindSafe(test(input)).catch_unwind().await {
        Ok(outcome) => outcome.err().map(|error| error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(format!("a panic: {}", text.unwrap_or_default()))
        }
    }
}

/// Simplifies an input as long as the test fails with it.
async fn simplest<V: ValueTree>(
    mut tree: V,
    mut reason: String,
    test: &mut impl AsyncFnMut(V::Value) -> TestCaseResult,
) -> (V::Value, String) {
    let mut input = tree.current();
    let mut is_changed = tree.simplify();
    for _ in 0..ATTEMPTS {
        if !is_changed {
            break;
        }
        is_changed = match failure(test, tree.current()).await {
            Some(found) => {
                (input, reason) = (tree.current(), found);
                tree.simplify()
            }
            None => tree.complicate(),
        };
    }
    (input, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_simplest_failing_input_is_found() {
        let numbers = collection::vec(0_u32..10_000, 0..50);
        let tree = loop {
            let tree = numbers.new_tree(&mut runner(7)).unwrap();
            if tree.current().iter().any(|number| *number >= 100) {
                break tree;
            }
        };
        let mut test = async |numbers: Vec<u32>| {
            prop_assert!(numbers.iter().all(|number| *number < 100), "too large");
            Ok(())
        };

        let reason = failure(&mut test, tree.current()).await.unwrap();
        let (input, reason) = simplest(tree, reason, &mut test).await;

        assert_eq!(input, [100]);
        assert!(reason.contains("too large"), "{reason}");
    }

    #[tokio::test]
    async fn a_panic_is_a_failure() {
        let mut test = async |number: u32| -> TestCaseResult { panic!("no {number}") };

        assert_eq!(
            failure(&mut test, 3).await.as_deref(),
            Some("a panic: no 3")
        );
    }

    #[test]
    fn a_seed_gives_the_same_inputs() {
        let inputs = |seed| {
            let mut runner = runner(seed);
            let inputs = (0..20).map(|_| json(3).new_tree(&mut runner).unwrap().current());
            inputs.collect::<Vec<_>>()
        };

        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }
}
