//! The greeting at the root.

use axum::response::{Html, IntoResponse};

/// `GET /`
pub async fn show() -> impl IntoResponse {
    // `Html` sends the type that NestJS on Express gives a bare string.
    Html("Hello from CodeCave API!")
}
