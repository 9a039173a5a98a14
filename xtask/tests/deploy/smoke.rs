//! The smoke test of a deployment, against real functions behind a gateway of this test.

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use clap::Parser;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::emulator::Instance;
use tokio::{net::TcpListener, sync::Mutex};
use xtask::{bundle::FUNCTIONS, events, seed, smoke};

use crate::{address, deployment};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: smoke::SmokeOptions,
}

fn serve(listener: TcpListener, functions: HashMap<&'static str, Instance>) {
    let router = Router::new()
        .fallback(forward)
        .with_state(Arc::new(Mutex::new(functions)));
    tokio::spawn(async move { axum::serve(listener, router).await });
}

async fn forward(
    State(functions): State<Arc<Mutex<HashMap<&'static str, Instance>>>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1_000_000).await.unwrap();
    let path = parts.uri.path();
    let function = match path.split('/').nth(1).unwrap() {
        "api" => "auth",
        "users" => "users",
        "projects" => "projects",
        _ => "health",
    };
    let mut event = events::read("health-get-health").unwrap();
    event["rawPath"] = path.into();
    event["rawQueryString"] = parts.uri.query().unwrap_or_default().into();
    event["requestContext"]["http"]["method"] = parts.method.as_str().into();
    event["requestContext"]["http"]["path"] = path.into();
    event["cookies"] = json!([]);
    let headers = parts.headers.iter();
    event["headers"] = headers
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().into()))
        .collect::<serde_json::Map<String, Value>>()
        .into();
    event["body"] = String::from_utf8(body.to_vec()).unwrap().into();
    let answer = functions.lock().await[function].invoke(&event).await;
    let answer = answer.unwrap().response;

    let mut response =
        Response::builder().status(u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap());
    for (name, value) in answer["headers"].as_object().unwrap() {
        response = response.header(name, value.as_str().unwrap());
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        response = response.header("set-cookie", cookie.as_str().unwrap());
    }
    let body = answer["body"].as_str().unwrap_or_default().to_owned();
    response.body(Body::from(body)).unwrap()
}

#[testkit::test]
async fn the_smoke_test_passes_for_a_deployment_and_reports_failures(db: PgPool) {
    let mut deployment = deployment(&address(&db)).await;
    seed::sample(&mut db.acquire().await.unwrap())
        .await
        .unwrap();
    let key = format!("cc_{:a<64}", "smoke");
    sqlx::query(
        r#"insert into apikey (id, "referenceId", key, "rateLimitEnabled", "updatedAt")
           values ('smoke', $1, $2, false, now())"#,
    )
    .bind(events::ADA)
    .bind(shared::api_key::hash(&key))
    .execute(&db)
    .await
    .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut functions = HashMap::new();
    for name in FUNCTIONS {
        let environment = &mut deployment.function(name).environment;
        // The gateway of this test serves plain HTTP.
        environment.insert("COOKIE_SAME_SITE".to_owned(), "lax".to_owned());
        environment.insert("BETTER_AUTH_URL".to_owned(), url.clone());
        // The smoke test runs five times from one address.
        environment.insert("AUTH_RATE_LIMIT".to_owned(), "off".to_owned());
        functions.insert(name, deployment.start(name).await.unwrap());
    }
    serve(listener, functions);
    let run = async |more: &[&str]| {
        let arguments = ["smoke", &url, "--wait", "0"];
        let arguments = Arguments::parse_from(arguments.iter().chain(more));
        smoke::run(&arguments.options).await
    };

    run(&["--key", &key]).await.unwrap();
    run(&[]).await.unwrap();
    for (arguments, failures) in [
        (&["--key", "wrong"][..], "1 of 12 checks failed"),
        (&["--providers", "nobody"], "1 of 10 checks failed"),
        (
            &["--origin", "https://elsewhere.example"],
            "4 of 11 checks failed",
        ),
    ] {
        let error = run(arguments).await.unwrap_err();
        assert_eq!(error.to_string(), failures, "{arguments:?}");
    }
}
