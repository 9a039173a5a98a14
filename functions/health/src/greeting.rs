//! The greeting at the root.

use axum::response::Html;

/// `GET /`
pub async fn show() -> Html<&'static str> {
    // `Html` has the content type that NestJS on Express uses for a plain string.
    Html("Hello from CodeCave API!")
}
