//! The greeting at the root.

use axum::response::Html;

/// `GET /`
pub async fn show() -> Html<&'static str> {
    // `Html` sends the type that NestJS on Express gives a bare string.
    Html("Hello from CodeCave API!")
}
