//! The floor of a function without a database: `lambda_http` and axum, and nothing else.

use axum::{Router, routing::get};
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "the request stack is measured against this floor"
)]
async fn main() -> Result<(), Error> {
    let router = Router::new().route("/", get(async || r#"{"status":"ok"}"#));
    lambda_http::run(router).await
}
