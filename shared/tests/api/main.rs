//! The guard and the request stack, over a small group of their own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api_key;
mod guard;
mod quota;
mod stack;

use axum::{Extension, response::IntoResponse};
use serde_json::{Value, json};
use shared::http::{
    Api, Cache, CurrentUser, Error, Fields, FromFields, Json, NoContent, RawBody, Result, Routes,
    Spend, Viewer,
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
            .post("/open", greet),
    )
}
