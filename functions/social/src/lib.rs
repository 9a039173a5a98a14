//! The social function: comments, likes, follows, the feed and the notifications.

mod comment;
mod comments;
mod feed;
mod follows;
mod likes;
mod notification;
mod notifications;
mod people;
mod queries;

use comment::Comment;
use shared::{
    AppState,
    http::{Api, Cache, delete, get, post, put, topic},
    serve::Group,
};

/// All routes of the group.
pub fn api() -> Api {
    const OPEN: &str = "what is said about public projects, and who follows whom, is for everybody";
    let comments = [
        get(
            "listComments",
            "/projects/{projectId}/comments",
            comments::list,
        )
        .summary("Lists the comments on a project, oldest first")
        .public(OPEN)
        .cached_in_redis()
        .may_lack::<Comment>(&["contentHtml"]),
        post(
            "createComment",
            "/projects/{projectId}/comments",
            comments::create,
        )
        .summary("Comments on a project")
        .creates(),
        get("getComment", "/comments/{commentId}", comments::show)
            .summary("Returns a comment")
            .public(OPEN)
            .cached(Cache::Revalidate),
        put("updateComment", "/comments/{commentId}", comments::update)
            .summary("Updates your comment")
            .description("With `expectedUpdatedAt`, changes the comment only if nobody has changed it since; otherwise the response is 409.")
            .fails(&[409]),
        delete("deleteComment", "/comments/{commentId}", comments::delete)
            .summary("Deletes a comment")
            .description("Allowed to its author, to the project's author, and to moderators and admins."),
    ];
    let likes = [
        put("likeProject", "/projects/{projectId}/like", likes::like)
            .summary("Likes a project")
            .description("Repeating it changes nothing."),
        delete("unlikeProject", "/projects/{projectId}/like", likes::unlike)
            .summary("Unlikes a project")
            .description("Repeating it changes nothing."),
        get("listLikes", "/projects/{projectId}/likes", likes::list)
            .summary("Lists the people who like a project, newest like first")
            .public(OPEN)
            .cached_in_redis(),
    ];
    let follows = [
        put("followUser", "/users/{userId}/follow", follows::follow)
            .summary("Follows a person")
            .description("Repeating it changes nothing. Following yourself is 400.")
            .fails(&[400]),
        delete("unfollowUser", "/users/{userId}/follow", follows::unfollow)
            .summary("Unfollows a person")
            .description("Repeating it changes nothing.")
            .fails(&[400]),
        get(
            "listFollowers",
            "/users/{userId}/followers",
            follows::followers,
        )
        .summary("Lists a person's followers, newest follow first")
        .public(OPEN)
        .cached_in_redis(),
        get(
            "listFollowing",
            "/users/{userId}/following",
            follows::following,
        )
        .summary("Lists the people whom a person follows, newest follow first")
        .public(OPEN)
        .cached_in_redis(),
    ];
    let news = [
        get("listFeed", "/feed", feed::list)
            .summary("Lists projects of the people you follow, newest first"),
        get("listNotifications", "/notifications", notifications::list)
            .summary("Lists likes, comments and follows that you received, newest first"),
        get("countNotifications", "/notifications/count", notifications::count)
            .summary("Counts your unread notifications, up to 100"),
        put("readNotifications", "/notifications/read", notifications::mark_read)
            .summary("Marks notifications as read")
            .description("Marks everything up to `before`, which is now by default. A later request with an earlier time changes nothing."),
    ];
    let routes = [
        topic("Comments", comments),
        topic("Likes", likes),
        topic("Follows", follows),
        topic("Feed and notifications", news),
    ]
    .concat();
    Api::new(
        "social",
        "Comments, likes, follows, feed and notifications",
        routes,
    )
}

/// Returns the group, as a program serves it.
pub fn group() -> Group {
    Group::new(api(), Ok)
}

/// Returns the group's router.
pub fn router(state: AppState) -> axum::Router {
    api().router(state)
}
