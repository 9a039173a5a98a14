//! The guard and the request stack, tested with a small group.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api_key;
mod ceiling;
mod event_sources;
mod fuzz;
mod guard;
mod lost;
mod outage;
mod pooler;
mod proxy;
mod quota;
mod redis;
mod redis_server;
mod replicas;
mod stack;

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use shared::{
    AppState, fields,
    http::{
        Api, Cache, Check as _, ClientAddress, CurrentUser, Cursor, Error, Json, NoContent, Page,
        PageQuery, Path, Query, RateClass, RawBody, Result, Viewer, delete, get, post, put, text,
        texts,
    },
};

fields! {
    struct Note {
        text: String = "text", text().not_empty().max(10).required();
    }
}

async fn who(user: CurrentUser) -> Json<Value> {
    Json(json!({"id": user.id(), "isStaff": user.is_staff(), "isAdmin": user.is_admin()}))
}

async fn greet(viewer: Viewer) -> Json<Value> {
    Json(json!({"viewer": viewer.id()}))
}

async fn account(user: CurrentUser) -> Result<Json<Value>> {
    let account = user.account().ok_or(Error::NotFound("Account"))?;
    Ok(Json(
        serde_json::from_str(account.get()).map_err(anyhow::Error::from)?,
    ))
}

async fn create(_: CurrentUser, Json(note): Json<Note>) -> Json<Value> {
    Json(json!({"text": note.text}))
}

async fn size(Extension(body): Extension<RawBody>) -> Json<usize> {
    Json(body.0.len())
}

async fn panics() -> NoContent {
    panic!("a handler's bug")
}

async fn fails() -> Result<NoContent> {
    Err(anyhow::anyhow!("password=hunter2").into())
}

/// Returns the name of the database that executed the query.
async fn database(State(app): State<AppState>) -> Result<Json<Value>> {
    let name: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(&app.db)
        .await?;
    Ok(Json(json!({"database": name})))
}

async fn people(State(app): State<AppState>) -> Result<Json<Value>> {
    let count: i64 = sqlx::query_scalar(r#"select count(*) from "user""#)
        .fetch_one(&app.db)
        .await?;
    Ok(Json(json!({"people": count})))
}

async fn projects(State(app): State<AppState>) -> Result<Json<Value>> {
    let count: i64 = sqlx::query_scalar("select count(*) from projects")
        .fetch_one(&app.db)
        .await?;
    Ok(Json(json!({"projects": count})))
}

/// Runs a statement that takes longer than an anonymous read may.
async fn sleep(State(app): State<AppState>) -> Result<NoContent> {
    sqlx::query("select pg_sleep(3)").execute(&app.db).await?;
    Ok(NoContent)
}

/// Returns a page that has a next one.
async fn pages(Query(page): Query<PageQuery>) -> Page<i64> {
    let rows = (0..page.fetch()).collect();
    page.page(rows, |row| Cursor::new("newest", (*row, "id")))
}

fields! {
    struct Echo {
        tags: Vec<String> = "tag", texts().or(Vec::new());
        q: Option<String> = "q", text().optional();
    }
}

/// Returns the request as the handler receives it.
async fn echo(
    viewer: Viewer,
    address: ClientAddress,
    Path(id): Path,
    Query(Echo { tags, q }): Query<Echo>,
    Extension(body): Extension<RawBody>,
) -> Json<Value> {
    Json(json!({
        "viewer": viewer.id(),
        "network": address.network(),
        "id": id,
        "tags": tags,
        "q": q,
        "body": String::from_utf8_lossy(&body.0),
    }))
}

async fn hello() -> Response {
    "hello".into_response()
}

/// Returns routes of every kind.
fn api() -> Api {
    let guarded = [
        get("getMe", "/me", who),
        get("getAccount", "/account", account).with_account(),
        post("createNote", "/notes", create).creates(),
        put("measureNote", "/notes", size),
        delete("deleteMe", "/me", who).session_only(),
        get("getFigures", "/figures", greet)
            .metrics_only()
            .counted_as(RateClass::Unlimited),
    ];
    let open = vec![
        get("listOpen", "/open", greet),
        get("getOne", "/one", greet).cached(Cache::Revalidate),
        get("getFree", "/free", hello)
            .counted_as(RateClass::Unlimited)
            .cached(Cache::Never),
        get("panic", "/panics", panics),
        get("fail", "/fails", fails),
        get("getSentry", "/sentry", greet).counted_as(RateClass::Sentry),
        post("createOpen", "/open", greet),
        get("where", "/where", database),
        get("whereNow", "/where/now", database).cached(Cache::Never),
        post("purge", "/where", database).purges_cache(),
        get("listPeople", "/people", people).cached_in_redis(),
        get("listProjects", "/projects", projects),
        get("sleep", "/sleep", sleep),
        get("sleepNow", "/sleep/now", sleep).cached(Cache::Never),
        get("listPages", "/pages", pages).cached_in_redis(),
        post("echo", "/echo/{id}", echo),
    ];
    let open = open
        .into_iter()
        .map(|route| route.public("a test of open routes"));
    Api::new("example", "Examples", guarded.into_iter().chain(open))
}
