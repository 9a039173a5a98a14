//! A group whose handlers fail in every way. The tests of telemetry run it.

use std::time::Duration;

use axum::{Extension, extract::State};
use serde_json::{Value, json};
use shared::{
    AppState, fields,
    http::{
        Api, Check as _, CurrentUser, Error, Json, NoContent, Path, Query, RateClass, RawBody,
        Result, blocking, get, post, text,
    },
    serve::Group,
};

fields! {
    struct Question {
        q: Option<String> = "q", text().optional();
    }
}

fn main() -> anyhow::Result<()> {
    let open = [
        get("fine", "/fine", fine),
        get("fail", "/fails", fails),
        get("leak", "/leaks", leaks),
        get("delay", "/slow/{seconds}", slow),
        // Its statement has longer than that of an anonymous read.
        post("delayWrite", "/slow/{seconds}", slow),
        get("callOut", "/outgoing", outgoing),
        get("work", "/work", work),
        post("measure", "/size", size),
    ];
    let open = open.map(|route| route.public("an example").counted_as(RateClass::Unlimited));
    let guarded = [
        get("getMine", "/mine/{thingId}", mine),
        get("panic", "/mine/{thingId}/panic", panics),
        get("ask", "/question", ask),
    ];
    let api = Api::new("trouble", "Trouble", guarded.into_iter().chain(open));
    shared::serve::run([Group::new(api, Ok)])
}

async fn fine() -> NoContent {
    tracing::info!("a word on the way");
    NoContent
}

async fn mine(State(app): State<AppState>, _: CurrentUser, Path(id): Path) -> Result<NoContent> {
    sqlx::query("select\n  length($1)")
        .bind(id)
        .execute(&app.db)
        .await?;
    Err(Error::NotFound("Thing"))
}

async fn panics(_: CurrentUser) -> NoContent {
    tracing::info!(step = 1, "about to go wrong");
    panic!("a handler's bug")
}

/// Returns the caller and the query.
async fn ask(user: CurrentUser, Query(question): Query<Question>) -> Json<Value> {
    Json(json!({"user": user.id(), "q": question.q}))
}

async fn fails() -> Result<NoContent> {
    let cause = anyhow::anyhow!("the cause").context("what failed");
    Err(cause.into())
}

/// Fails with messages that contain secrets.
async fn leaks() -> Result<NoContent> {
    tracing::warn!(
        email = "ada@leak.example",
        token = "leaked-token",
        "mail to ada@leak.example with pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E"
    );
    Err(anyhow::anyhow!("password=leaked-password for eve@leak.example").into())
}

async fn slow(State(app): State<AppState>, Path(seconds): Path) -> Result<NoContent> {
    let seconds: f64 = seconds.parse().unwrap_or_default();
    sqlx::query("select pg_sleep($1)")
        .bind(seconds)
        .execute(&app.db)
        .await?;
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(NoContent)
}

/// Uses a processor for a while.
async fn work() -> Result<NoContent> {
    blocking(|| std::thread::sleep(Duration::from_millis(300))).await?;
    Ok(NoContent)
}

async fn size(Extension(body): Extension<RawBody>) -> Json<usize> {
    Json(body.0.len())
}

/// Reads the secret, as the database does when it rejects a password.
async fn outgoing() -> Result<NoContent> {
    let _ = shared::secrets::read("a-secret").await;
    Ok(NoContent)
}
