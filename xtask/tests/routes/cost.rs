//! Costs of hostile requests, for every operation of the OpenAPI document. A hostile body, query or cookie must take little
//! more processor time than a harmless one of the same size.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request},
};
use serde_json::Value;
use sqlx::PgPool;
use testing::{Answer, Caller, sql};
use testkit::process::processor_time;

use crate::bundle::{Bundle, Operation};

/// The largest accepted body.
const BODY: usize = 1024 * 1024;
/// The longest query that API Gateway accepts. The request line and the headers may have 10,240 bytes.
const QUERY: usize = 9_000;
/// Maximum ratio of the costs of a hostile and a harmless request. Without optimisation, parsing JSON values is slow compared
/// with reading text.
const RATIO: f64 = if cfg!(debug_assertions) { 40.0 } else { 20.0 };
/// Maximum processor time of a hostile request in an optimised build.
const LONGEST: Duration = Duration::from_millis(100);
/// Maximum size of an error response.
const ANSWER: usize = 16 * 1024;
/// Processor time below which measurements are not compared.
const NOISE: Duration = Duration::from_millis(2);

/// Whether a request costs little enough. Without optimisation, every large body takes longer.
fn is_short(cost: Duration) -> bool {
    cfg!(debug_assertions) || cost <= LONGEST
}

/// A text that may make a request expensive.
struct Hostile {
    kind: &'static str,
    text: String,
}

/// Returns `start`, the output of `item` for 0, 1, … and `end`. Calls `item` as often as the text fits into `size` bytes.
fn filled(size: usize, start: &str, end: &str, mut item: impl FnMut(&mut String, usize)) -> String {
    let mut text = start.to_owned();
    for index in 0.. {
        let before = text.len();
        item(&mut text, index);
        if text.len() + end.len() > size {
            text.truncate(before);
            break;
        }
    }
    text + end
}

/// Returns the names of the body's properties, and whether each is a list.
fn properties(bundle: &Bundle, operation: &Operation) -> Vec<(String, bool)> {
    let names = bundle.fields(operation).unwrap_or_default();
    let samples = bundle.single_fields(operation);
    let is_list = |name: &String| {
        let sample = samples.iter().find_map(|sample| sample.get(name));
        sample.is_some_and(Value::is_array)
    };
    names
        .into_iter()
        .map(|name| {
            let is_list = is_list(&name);
            (name, is_list)
        })
        .collect()
}

fn bodies(properties: &[(String, bool)], size: usize) -> Vec<Hostile> {
    let first = properties.first().map_or("x", |(name, _)| name.as_str());
    let list = properties.iter().find(|(_, is_list)| *is_list);
    let list = list.map_or(first, |(name, _)| name.as_str());
    let repeated = |start: String, item: &str, end: &str| {
        filled(size, &start, end, |text, index| {
            text.push_str(if index == 0 {
                item.trim_start_matches(',')
            } else {
                item
            });
        })
    };
    let all = |letter: &str| {
        let each = size / (properties.len() + 1) - 100;
        let fields = properties.iter().map(|(name, is_list)| {
            let value = letter.repeat(each / letter.len());
            if *is_list {
                format!(r#""{name}":["{value}"]"#)
            } else {
                format!(r#""{name}":"{value}""#)
            }
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    };
    [
        (
            "many unknown properties",
            filled(size, "{\"p\":0", "}", |text, index| {
                let _ = write!(text, ",\"{index}\":0");
            }),
        ),
        (
            "a repeated key",
            repeated("{".to_owned(), &format!(",\"{first}\":0"), "}"),
        ),
        (
            "many elements",
            repeated(format!("{{\"{list}\":["), ",0", "]}"),
        ),
        (
            "many empty texts",
            repeated(format!("{{\"{list}\":["), ",\"\"", "]}"),
        ),
        (
            "many objects",
            repeated(format!("{{\"{list}\":["), ",{\"a\":[]}", "]}"),
        ),
        (
            "many lists",
            repeated(format!("{{\"{first}\":["), ",[]", "]}"),
        ),
        ("deep lists", repeated(format!("{{\"{first}\":"), "[", "")),
        (
            "deep objects",
            repeated(format!("{{\"{first}\":"), "{\"a\":", ""),
        ),
        (
            "a long number",
            repeated(format!("{{\"{first}\":1"), "9", "}"),
        ),
        (
            "a long fraction",
            repeated(format!("{{\"{first}\":0.1"), "9", "}"),
        ),
        (
            "many numbers",
            repeated(format!("{{\"{list}\":["), ",1e9", "]}"),
        ),
        ("a long name", repeated("{\"".to_owned(), "a", "\":0}")),
        ("long texts", all("a")),
        ("long blank texts", all(" ")),
        ("decomposed texts", all("e\u{301}")),
        ("marks", all("\u{301}")),
        ("escapes", all("\\u00e9")),
        ("controls", all("\\u0001")),
        ("blanks", repeated("{".to_owned(), " ", "}")),
        ("no JSON", repeated(String::new(), "{", "")),
    ]
    .map(|(kind, text)| Hostile { kind, text })
    .into()
}

fn queries(names: &[String]) -> Vec<Hostile> {
    let mut queries = vec![
        (
            "many parameters",
            filled(QUERY, "p=", "", |text, index| {
                let _ = write!(text, "&{index}=");
            }),
        ),
        ("many separators", "&".repeat(QUERY)),
        ("many escapes", format!("x={}", "%41".repeat(QUERY / 3 - 1))),
        (
            "many invalid bytes",
            format!("x={}", "%ff".repeat(QUERY / 3 - 1)),
        ),
        (
            "many NUL characters",
            filled(QUERY, "x=", "", |text, index| {
                let _ = write!(text, "&{index}=%00");
            }),
        ),
    ];
    for name in names {
        queries.push((
            "a repeated parameter",
            format!("{name}=a&").repeat(QUERY / (name.len() + 3)),
        ));
        queries.push((
            "a long parameter",
            format!("{name}={}", "a".repeat(QUERY - name.len() - 1)),
        ));
        let value = "e%CC%81".repeat((QUERY - name.len()) / 7 - 1);
        queries.push(("a decomposed parameter", format!("{name}={value}")));
    }
    queries
        .into_iter()
        .map(|(kind, text)| Hostile { kind, text })
        .collect()
}

fn cookies() -> Vec<Hostile> {
    let chunks = |name: &str| -> String {
        let cookies = (0..13_000).map(|index| format!("{name}.{index}=x"));
        cookies.collect::<Vec<_>>().join("; ")
    };
    vec![
        Hostile {
            kind: "13,000 cookies of session data",
            text: chunks("better-auth.session_data"),
        },
        Hostile {
            kind: "13,000 cookies of account data",
            text: chunks("better-auth.account_data"),
        },
        Hostile {
            kind: "a repeated cookie",
            text: "better-auth.session_token=a; ".repeat(13_000),
        },
        Hostile {
            kind: "many separators",
            text: ";=".repeat(200_000),
        },
    ]
}

/// The part of the request that contains the text.
#[derive(Clone, Copy)]
enum Place {
    Body,
    Query,
    Cookie,
}

struct Subject<'b> {
    operation: &'b Operation,
    caller: &'b Caller,
    path: String,
}

impl Subject<'_> {
    async fn send(&self, place: Place, text: &str) -> (Duration, Answer) {
        let uri = match place {
            Place::Query => format!("{}?{text}", self.path),
            _ => self.path.clone(),
        };
        let mut request = Request::builder()
            .method(self.operation.method.clone())
            .uri(uri);
        if let Place::Cookie = place {
            request = request.header("cookie", HeaderValue::from_str(text).unwrap());
        }
        let body = match place {
            Place::Body => text.to_owned(),
            _ if self.operation.method == Method::GET => String::new(),
            _ => "{}".to_owned(),
        };
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Body::from(body)).unwrap();
        let before = processor_time();
        let answer = self.caller.request(request).await;
        (processor_time().saturating_sub(before), answer)
    }

    /// Sends the hostile text and a harmless text of the same size. Returns the ratio of their costs, and the cost of the
    /// hostile text.
    async fn compare(&self, place: Place, hostile: &Hostile) -> (f64, Duration) {
        let Hostile { kind, text } = hostile;
        let harmless = match place {
            Place::Body => format!("{{\"x\":\"{}\"}}", "a".repeat(text.len().saturating_sub(8))),
            Place::Query | Place::Cookie => {
                format!("x={}", "a".repeat(text.len().saturating_sub(2)))
            }
        };
        let mut ratio = f64::INFINITY;
        let mut shortest = Duration::MAX;
        // A high ratio is measured again, because the machine may have been busy.
        for _ in 0..3 {
            let (expected, _) = self.send(place, &harmless).await;
            let (cost, answer) = self.send(place, text).await;
            self.check(kind, &answer);
            let allowed = expected.max(NOISE);
            ratio = ratio.min(cost.as_secs_f64() / allowed.as_secs_f64());
            shortest = shortest.min(cost);
            if ratio <= RATIO && is_short(shortest) {
                break;
            }
        }
        assert!(
            is_short(shortest),
            "{} with {kind} takes {shortest:?}",
            self.operation.id
        );
        assert!(
            ratio <= RATIO,
            "{} with {kind} costs {ratio:.0} times as much as with harmless text",
            self.operation.id
        );
        (ratio, shortest)
    }

    fn check(&self, kind: &str, answer: &Answer) {
        let name = &self.operation.id;
        let status = answer.status;
        let expected = name == "testSentryError";
        assert!(
            !status.is_server_error() || expected,
            "{name} with {kind}: {answer:?}"
        );
        let headers: usize = answer
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        assert!(
            headers < ANSWER,
            "{name} with {kind}: {headers} bytes of headers"
        );
        let length = answer.body.len();
        assert!(
            status.is_success() || length < ANSWER,
            "{name} with {kind}: {length} bytes"
        );
    }
}

#[testkit::test]
async fn hostile_requests_cost_little_more_than_harmless_ones(db: PgPool) {
    let bundle = Bundle::new(&db);
    let mut cases = 0;
    let mut functions = BTreeSet::new();
    let mut worst = (0.0, String::new());
    let mut longest = (Duration::ZERO, String::new());

    for operation in bundle.operations() {
        let id = format!("user-of-{}", operation.id);
        sql(
            &db,
            r#"insert into "user" (id, name, email, "updatedAt", role) values ($1, 'U', $1 || '@test.example', now(), 'admin')"#,
            &[&id],
        )
        .await;
        sql(
            &db,
            r#"insert into projects (id, title, "authorId", "updatedAt") values ($1, 'P', $1, now())"#,
            &[&id],
        )
        .await;
        let somebody = bundle.session(&id).await;
        let somebody = somebody.header("origin", "http://localhost:3000");
        let subject = Subject {
            operation: &operation,
            caller: somebody.at(&operation.function),
            path: operation.filled(&[("projectId", id.as_str()), ("userId", &id)]),
        };
        let mut all = Vec::new();
        if operation.method != Method::GET {
            // Without optimisation, reading a body takes long. One operation of each function gets the largest body.
            let is_first = functions.insert(operation.function.clone());
            let size = if is_first || cfg!(not(debug_assertions)) {
                BODY
            } else {
                BODY / 8
            };
            let bodies = bodies(&properties(&bundle, &operation), size);
            all.extend(bodies.into_iter().map(|body| (Place::Body, body)));
        }
        let queries = queries(&operation.queries());
        all.extend(queries.into_iter().map(|query| (Place::Query, query)));
        all.extend(
            cookies()
                .into_iter()
                .map(|cookies| (Place::Cookie, cookies)),
        );

        for (place, hostile) in all {
            let (ratio, cost) = subject.compare(place, &hostile).await;
            cases += 1;
            let case = || format!("{} with {}", operation.id, hostile.kind);
            if ratio > worst.0 {
                worst = (ratio, case());
            }
            if cost > longest.0 {
                longest = (cost, case());
            }
        }
    }

    println!(
        "measured: tried {cases} hostile requests; the worst is {}: {:.1} times; the longest is {}: {:.1} ms",
        worst.1,
        worst.0,
        longest.1,
        longest.0.as_secs_f64() * 1000.0
    );
    assert!(cases > 1000, "only {cases}");
}
