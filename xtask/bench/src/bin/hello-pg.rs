//! The floor of a function with a database: `lambda_http`, axum, and one prepared statement over sqlx.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use lambda_http::Error;
use sqlx::{PgPool, postgres::PgPoolOptions};

#[tokio::main(flavor = "current_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "the request stack is measured against this floor"
)]
async fn main() -> Result<(), Error> {
    let database = std::env::var("DATABASE_URL")?;
    let db = PgPoolOptions::new()
        .max_connections(1)
        .connect(&database)
        .await?;
    let router = Router::new().route("/", get(show)).with_state(db);
    lambda_http::run(router).await
}

async fn show(State(db): State<PgPool>) -> Result<String, StatusCode> {
    let one: i32 = sqlx::query_scalar("select 1")
        .fetch_one(&db)
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(format!(r#"{{"one":{one}}}"#))
}
