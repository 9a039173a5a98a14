//! The doors that a request may come in by: API Gateway's HTTP and REST APIs, a Function URL, a load balancer, plain HTTP.

use axum::{body::Body, http::Request};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::{App, Caller};

use crate::api;

const BODY: &str = r#"{"text":"Grüße 👋"}"#;

/// A request as `lambda_http` makes it of an event.
fn arrived(event: &Value) -> Request<Body> {
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
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
async fn a_request_is_the_same_by_every_door(db: PgPool) {
    let app = App::new(api(), db.clone());
    let behind_balancer = App::configured(api(), db, &[("CLIENT_IP_HEADER", "x-forwarded-for")]);
    let ada = app.user("ada").await;
    let session = ada.cookie().unwrap();
    let cookies = format!("theme=dark; {session}");
    let query = "tag=c%2B%2B&tag=a%26b&q=x&q=%C3%BC%20y";
    let plain = Request::post(format!("/echo/a%20b%2Fc?{query}"))
        .header("content-type", "application/json")
        .header("cookie", &cookies)
        .body(Body::from(BODY))
        .unwrap();
    let by = |app: &App| app.anyone().from_address("192.0.2.7");

    let expected = by(&app).request(plain).await.expect(200).json();

    assert_eq!(
        expected,
        json!({
            "viewer": ada.id, "network": "192.0.2.7", "id": "a b/c", "tags": ["c++", "a&b"], "q": "ü y", "body": BODY,
        })
    );
    let decoded = json!({"tag": ["c++", "a&b"], "q": ["x", "ü y"]});
    let encoded = json!({"tag": ["c%2B%2B", "a%26b"], "q": ["x", "%C3%BC%20y"]});
    let path = "/echo/a%20b%2Fc";
    for (door, app, event) in [
        (
            "HTTP API or Function URL",
            &app,
            http_api(path, query, &["theme=dark", session], "$default"),
        ),
        (
            "HTTP API with a stage",
            &app,
            http_api(&format!("/echo{path}"), query, &[&cookies], "echo"),
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
        assert_eq!(answer, expected, "{door}");
    }
}

async fn send(caller: &Caller, event: &Value) -> Value {
    caller.request(arrived(event)).await.expect(200).json()
}

#[testkit::test]
async fn a_stage_is_no_part_of_what_was_not_found(db: PgPool) {
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
