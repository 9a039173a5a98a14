//! The guard and the request stack, over a small group of their own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api_key;
mod doors;
mod guard;
mod outage;
mod quota;
mod redis;
mod replicas;
mod stack;

use axum::{Extension, extract::State, response::IntoResponse};
use serde_json::{Value, json};
use shared::{
    AppState,
    http::{
        Api, Cache, ClientAddress, CurrentUser, Cursor, Error, Fields, FromFields, Json, NoContent,
        Page, PageQuery, Path, Query, RawBody, Result, Routes, Spend, Viewer,
    },
};

struct Note {
    text: String,
}

impl FromFields for Note {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            text: fields.text("text").not_empty().max(10).required(),
        }
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

/// Which database has answered.
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

struct Pages(PageQuery);

impl FromFields for Pages {
    fn from_fields(fields: &mut Fields) -> Self {
        Self(PageQuery::from_fields(fields))
    }
}

/// A page with a next one.
async fn pages(Query(Pages(page)): Query<Pages>) -> Page<i64> {
    let rows = (0..page.fetch()).collect();
    page.page(rows, |row| Cursor::new("newest", (*row, "id")))
}

struct Echo {
    tags: Vec<String>,
    q: Option<String>,
}

impl FromFields for Echo {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            tags: fields.list("tag").optional().unwrap_or_default(),
            q: fields.text("q").optional(),
        }
    }
}

/// What reached the handler.
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

async fn hello() -> impl IntoResponse {
    "hello"
}

/// Routes of every kind.
fn api() -> Api {
    Api::new(
        "example",
        Routes::new()
            .get("/me", who)
            .get("/account", account)
            .with_account()
            .post("/notes", create)
            .creates()
            .put("/notes", size)
            .delete("/me", who)
            .session_only()
            .get("/figures", greet)
            .metrics_only(),
    )
    .public(
        "a test of open routes",
        Routes::new()
            .get("/open", greet)
            .get("/one", greet)
            .cached(Cache::Revalidate)
            .get("/free", hello)
            .spends(Spend::Nothing)
            .cached(Cache::Never)
            .get("/panics", panics)
            .get("/fails", fails)
            .get("/sentry", greet)
            .spends(Spend::Sentry)
            .post("/open", greet)
            .get("/where", database)
            .get("/where/now", database)
            .cached(Cache::Never)
            .post("/where", database)
            .hides()
            .get("/people", people)
            .shared()
            .get("/pages", pages)
            .shared()
            .post("/echo/{id}", echo),
    )
}
