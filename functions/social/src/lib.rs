//! The social function: comments, likes, follows, and what comes of them: the feed and the notifications.

mod comments;
mod feed;
mod follows;
mod likes;
mod notifications;
pub mod openapi;
mod people;
mod queries;

use shared::{
    AppState,
    http::{Api, Cache, Routes},
};

/// All routes of the group.
pub fn api() -> Api {
    Api::new(
        "social",
        Routes::new()
            .post("/projects/{projectId}/comments", comments::create)
            .creates()
            .put("/comments/{commentId}", comments::update)
            .delete("/comments/{commentId}", comments::delete)
            .put("/projects/{projectId}/like", likes::like)
            .delete("/projects/{projectId}/like", likes::unlike)
            .put("/users/{userId}/follow", follows::follow)
            .delete("/users/{userId}/follow", follows::unfollow)
            .get("/feed", feed::list)
            .get("/notifications", notifications::list)
            .get("/notifications/count", notifications::count)
            .put("/notifications/read", notifications::mark_read),
    )
    .public(
        "what is said about public projects, and who follows whom, is for everybody",
        Routes::new()
            .get("/projects/{projectId}/comments", comments::list)
            .shared()
            .get("/comments/{commentId}", comments::show)
            .cached(Cache::Revalidate)
            .get("/projects/{projectId}/likes", likes::list)
            .shared()
            .get("/users/{userId}/followers", follows::followers)
            .shared()
            .get("/users/{userId}/following", follows::following)
            .shared(),
    )
}

/// The group's router, ready to serve.
pub fn router(state: AppState) -> axum::Router {
    api().router(state)
}
