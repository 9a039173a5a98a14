//! Requests from all event sources: HTTP and REST APIs of API Gateway, Function URLs, load balancers and plain HTTP.

use axum::{body::Body, http::Request};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use shared::serve::event::HttpEvent;
use sqlx::PgPool;
use testing::{Answer, App, Caller};

use crate::api;

const BODY: &str = r#"{"text":"Grüße 👋"}"#;

/// Converts an event to a request, as a function does.
fn arrived(event: &Value) -> Request<Body> {
    let event: HttpEvent = serde_json::from_str(&event.to_string()).unwrap();
    let request = event.into_request().unwrap();
    request.map(|body| Body::from(body.to_vec()))
}

fn http_api(path: &str, query: &str, cookies: &[&str], stage: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "cookies": cookies,
        "headers": {"content-type": "application/json", "host": "api.example"},
        "requestContext": {
            "accountId": "1", "apiId": "a", "domainName": "api.example", "requestId": "r", "stage": stage,
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "t"},
            "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_583_348_638_390_i64,
        },
        "body": STANDARD.encode(BODY), "isBase64Encoded": true,
    })
}

fn rest_api(path: &str, query: &Value, cookies: &str, stage: &str) -> Value {
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": "POST",
        "headers": {"content-type": "application/json", "host": "api.example", "cookie": cookies},
        "multiValueHeaders": {"content-type": ["application/json"], "host": ["api.example"], "cookie": [cookies]},
        "queryStringParameters": null, "multiValueQueryStringParameters": query,
        "requestContext": {
            "accountId": "1", "resourceId": "x", "stage": stage, "requestId": "r", "apiId": "a", "httpMethod": "POST",
            "identity": {"sourceIp": "192.0.2.7"}, "path": format!("/{stage}{path}"), "protocol": "HTTP/1.1",
        },
        "body": BODY, "isBase64Encoded": false,
    })
}

fn load_balancer(path: &str, query: &Value, cookies: &str) -> Value {
    json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/t/1"}},
        "httpMethod": "POST", "path": path, "multiValueQueryStringParameters": query,
        "multiValueHeaders": {
            "content-type": ["application/json"], "host": ["api.example"], "cookie": [cookies],
            "x-forwarded-for": ["192.0.2.7"],
        },
        "body": BODY, "isBase64Encoded": false,
    })
}

#[testkit::test]
async fn a_request_is_the_same_from_every_event_source(db: PgPool) {
    let app = App::new(api(), db.clone());
    let behind_balancer = App::configured(api(), db, &[("CLIENT_IP_HEADER", "x-forwarded-for")]);
    let ada = app.user("ada").await;
    let session = ada.cookie().unwrap();
    let cookies = format!("theme=dark; {session}");
    let query = "tag=c%2B%2B&tag=a%26b&q=x&q=%C3%BC%20y";
    let plain = Request::post(format!("/echo/a%20b%252Fc?{query}"))
        .header("content-type", "application/json")
        .header("cookie", &cookies)
        .body(Body::from(BODY))
        .unwrap();
    let by = |app: &App| app.anyone().from_address("192.0.2.7");

    let expected = by(&app).request(plain).await.expect(200).json();

    assert_eq!(
        expected,
        json!({
            "viewer": ada.id, "network": "192.0.2.7", "id": "a b%2Fc", "tags": ["c++", "a&b"], "q": "ü y", "body": BODY,
        })
    );
    let decoded = json!({"tag": ["c++", "a&b"], "q": ["x", "ü y"]});
    let encoded = json!({"tag": ["c%2B%2B", "a%26b"], "q": ["x", "%C3%BC%20y"]});
    let path = "/echo/a%20b%252Fc";
    // An HTTP API decodes the path. A Function URL does not.
    let decoded_path = "/echo/a b%2Fc";
    let mut function_url = http_api(path, query, &["theme=dark", session], "$default");
    function_url["requestContext"]["domainName"] = json!("x.lambda-url.eu-central-1.on.aws");
    for (source, app, event) in [
        (
            "HTTP API",
            &app,
            http_api(decoded_path, query, &["theme=dark", session], "$default"),
        ),
        ("Function URL", &app, function_url),
        (
            "HTTP API with a stage",
            &app,
            http_api(&format!("/echo{decoded_path}"), query, &[&cookies], "echo"),
        ),
        ("REST API", &app, rest_api(path, &decoded, &cookies, "prod")),
        (
            "REST API with a stage of a path's name",
            &app,
            rest_api(path, &decoded, &cookies, "echo"),
        ),
        (
            "load balancer",
            &behind_balancer,
            load_balancer(path, &encoded, &cookies),
        ),
    ] {
        let answer = send(&by(app), &event).await;
        assert_eq!(answer, expected, "{source}");
    }
}

async fn send(caller: &Caller, event: &Value) -> Value {
    caller.request(arrived(event)).await.expect(200).json()
}

#[testkit::test]
async fn the_error_of_an_unknown_path_does_not_contain_the_stage(db: PgPool) {
    let app = App::new(api(), db);
    for event in [
        rest_api("/nope/", &json!({"a": ["b"]}), "", "prod"),
        http_api("/prod/nope/", "a=b", &[], "prod"),
    ] {
        app.anyone()
            .request(arrived(&event))
            .await
            .expect_error(404, &["Cannot POST /nope/"]);
    }
}

/// Paths as a client sends them, decoded, and as the error message contains them if they have no route.
const PATHS: [(&str, &str, Option<&str>); 13] = [
    ("/echo/%61", "/echo/a", None),
    ("/%65cho/a", "/echo/a", None),
    ("/echo/a%2F", "/echo/a/", None),
    ("/echo/%2561", "/echo/%61", None),
    ("/echo/a%2Fb", "/echo/a/b", Some("/echo/a/b")),
    ("/x/../echo/a", "/x/../echo/a", Some("/x/../echo/a")),
    ("/x/%2e%2e/echo/a", "/x/../echo/a", Some("/x/../echo/a")),
    ("/ec%0Aho/a", "/ec\nho/a", Some("/ec%0Aho/a")),
    ("/%09echo/a", "/\techo/a", Some("/%09echo/a")),
    ("/echo%20/a", "/echo /a", Some("/echo%20/a")),
    ("/echo%3Fa", "/echo?a", Some("/echo%3Fa")),
    ("//echo/a", "//echo/a", Some("//echo/a")),
    ("/echo%5Ca", "/echo\\a", Some("/echo%5Ca")),
];

#[testkit::test]
async fn a_path_is_the_same_from_every_event_source(db: PgPool) {
    let app = App::new(api(), db);
    let anyone = app.anyone();

    for (sent, decoded, missing) in PATHS {
        let plain = Request::post(sent)
            .header("content-type", "application/json")
            .body(Body::from(BODY))
            .unwrap();
        let mut function_url = http_api(sent, "", &[], "$default");
        function_url["requestContext"]["domainName"] = json!("x.lambda-url.eu-central-1.on.aws");
        for (source, request) in [
            ("plain HTTP", plain),
            ("HTTP API", arrived(&http_api(decoded, "", &[], "$default"))),
            (
                "stage",
                arrived(&http_api(&format!("/prod{decoded}"), "", &[], "prod")),
            ),
            ("Function URL", arrived(&function_url)),
            ("REST API", arrived(&rest_api(sent, &json!({}), "", "prod"))),
            (
                "load balancer",
                arrived(&load_balancer(sent, &json!({}), "")),
            ),
        ] {
            let answer = anyone.request(request).await;
            if let Some(path) = missing {
                answer.expect_error(404, &[&format!("Cannot POST {path}")]);
            } else {
                let id = decoded.strip_prefix("/echo/").unwrap();
                let id = id.trim_end_matches('/');
                assert_eq!(answer.expect(200).json()["id"], id, "{sent} {source}");
            }
        }
    }
}

/// Returns events with hostile input of clients.
fn hostile(session: &str) -> Vec<(&'static str, Value)> {
    let event = |change: &dyn Fn(&mut Value)| {
        let mut event = http_api("/echo/x", "q=1", &[session], "$default");
        change(&mut event);
        event
    };
    let rest = |change: &dyn Fn(&mut Value)| {
        let mut event = rest_api("/echo/x", &json!({"q": ["1"]}), session, "prod");
        change(&mut event);
        event
    };
    let hosts = [
        "",
        " ",
        "a b",
        "http://x",
        "[::1",
        "a:99999",
        "\u{e9}.example",
        "x\"y",
        "%",
        "a/b",
    ];
    let mut events = Vec::new();
    for host in hosts {
        events.push((
            "host",
            event(&|event| event["headers"]["host"] = json!(host)),
        ));
        events.push((
            "domain",
            event(&|event| event["requestContext"]["domainName"] = json!(host)),
        ));
        events.push((
            "REST host",
            rest(&|event| {
                event["headers"]["host"] = json!(host);
                event["multiValueHeaders"]["host"] = json!([host]);
            }),
        ));
        let mut balanced = load_balancer("/echo/x", &json!({"q": ["1"]}), session);
        balanced["multiValueHeaders"]["host"] = json!([host]);
        events.push(("balancer host", balanced));
    }
    for proto in ["", "x y", "javascript", "1://", "\u{e9}"] {
        events.push((
            "proto",
            event(&|event| event["headers"]["x-forwarded-proto"] = json!(proto)),
        ));
    }
    for query in [
        "q=a b",
        "q=\"1\"",
        "q=<>",
        "q=#1",
        "q=\u{e9}",
        "q=%",
        "q=\\^`{|}",
        "q=a\tb",
        "q=1&?&=&%zz",
        "q=\u{1f980}",
    ] {
        events.push((
            "query",
            event(&|event| event["rawQueryString"] = json!(query)),
        ));
        events.push((
            "REST query",
            rest(&|event| event["multiValueQueryStringParameters"] = json!({"q": [query]})),
        ));
        events.push((
            "balancer query",
            load_balancer("/echo/x", &json!({"q": [query]}), session),
        ));
    }
    for cookie in [
        "stra\u{df}e=\u{e9}",
        "a=\u{1f980}",
        "b=\u{7f}",
        "c=\n",
        "d=\"x y\"",
        "=",
        ";;;",
        "",
    ] {
        events.push((
            "cookie",
            event(&|event| event["cookies"] = json!([cookie, session])),
        ));
        let cookies = format!("{cookie}; {session}");
        events.push((
            "REST cookie",
            rest(&|event| {
                event["headers"]["cookie"] = json!(cookies);
                event["multiValueHeaders"]["cookie"] = json!([cookies]);
            }),
        ));
        events.push((
            "balancer cookie",
            load_balancer("/echo/x", &json!({"q": ["1"]}), &cookies),
        ));
    }
    let many: Vec<String> = (0..13_000)
        .map(|n| format!("better-auth.session_data.{n}=x"))
        .chain([session.to_owned()])
        .collect();
    events.push((
        "13,000 cookies",
        event(&|event| event["cookies"] = json!(many)),
    ));
    for header in [
        "user-agent",
        "referer",
        "x-forwarded-for",
        "accept-language",
        "sentry-trace",
        "baggage",
    ] {
        events.push((
            header,
            event(&|event| event["headers"][header] = json!("\u{e9}\u{1f980}")),
        ));
        events.push((
            header,
            event(&|event| event["headers"][header] = json!("a\nb")),
        ));
    }
    events.push((
        "header name",
        event(&|event| event["headers"]["a b"] = json!("x")),
    ));
    events
}

#[testkit::test]
async fn hostile_events_neither_hide_the_session_nor_fail(db: PgPool) {
    let app = App::new(api(), db);
    let ada = app.user("ada").await;
    let session = ada.cookie().unwrap();
    let events = hostile(session);
    println!("measured: tried {} hostile events", events.len());

    for (kind, event) in events {
        let answer: Answer = app.anyone().request(arrived(&event)).await;
        let answer = answer.expect(200).json();
        assert_eq!(answer["viewer"], ada.id, "{kind} {event}");
        assert_eq!(answer["id"], "x", "{kind} {event}");
    }
}

#[testkit::test]
async fn special_characters_in_a_query_reach_the_handler(db: PgPool) {
    let app = App::new(api(), db);
    for (query, expected) in [
        ("q=a b", "a b"),
        ("q=\"1\"", "\"1\""),
        ("q=\u{e9}%C3%A9", "éé"),
        ("q=a#b", "a#b"),
    ] {
        let event = http_api("/echo/x", query, &[], "$default");
        assert_eq!(send(&app.anyone(), &event).await["q"], expected, "{query}");
    }
}

#[test]
fn a_path_that_is_too_long_is_reported() {
    let event = http_api(&format!("/{}", "a".repeat(70_000)), "", &[], "$default");
    let event: HttpEvent = serde_json::from_str(&event.to_string()).unwrap();
    assert!(event.into_request().is_err());
}
