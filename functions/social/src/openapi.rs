//! This group's part of the OpenAPI document.

use shared::openapi::{Operation, boolean, list, text, words};

use crate::{
    comments::{Comment, CreateComment, UpdateComment},
    feed::ProjectSummary,
    follows::FollowState,
    likes::LikeState,
    notifications::{Notification, ReadNotifications, UnreadCount},
    people::Person,
};

/// One operation for each route.
pub fn operations() -> Vec<Operation> {
    let mut operations = comments();
    operations.extend(likes_and_follows());
    operations.extend(what_comes_of_them());
    operations
}

fn comments() -> Vec<Operation> {
    let html = || words(&["contentHtml"]);
    vec![
        Operation::get("/projects/{projectId}/comments", "listComments")
            .summary("What is said about a project")
            .query("sort", "`oldest` by default", words(&["oldest", "newest"]))
            .query(
                "include",
                "`contentHtml` adds it to each comment; `limit` is at most 50 then",
                html(),
            )
            .page::<Comment>()
            .optional::<Comment>(&["contentHtml"]),
        Operation::post("/projects/{projectId}/comments", "createComment")
            .summary("Comment on a project")
            .idempotent()
            .body::<CreateComment>()
            .created::<Comment>(),
        Operation::get("/comments/{commentId}", "getComment")
            .summary("One comment")
            .query("include", "`contentHtml` adds it", html())
            .json::<Comment>(200),
        Operation::put("/comments/{commentId}", "updateComment")
            .summary("Change your own comment")
            .description("With `expectedUpdatedAt`, only if nobody has changed it since: else 409.")
            .body::<UpdateComment>()
            .json::<Comment>(200)
            .fails(&[409]),
        Operation::delete("/comments/{commentId}", "deleteComment")
            .summary("Delete a comment")
            .description("For its author, the project's author, and staff.")
            .no_content(),
    ]
}

fn likes_and_follows() -> Vec<Operation> {
    vec![
        Operation::put("/projects/{projectId}/like", "likeProject")
            .summary("Like a project")
            .description("Doing it again changes nothing.")
            .json::<LikeState>(200),
        Operation::delete("/projects/{projectId}/like", "unlikeProject")
            .summary("Take a like back")
            .description("Doing it again changes nothing.")
            .json::<LikeState>(200),
        Operation::get("/projects/{projectId}/likes", "listLikes")
            .summary("Who likes a project, newest like first")
            .page::<Person>(),
        Operation::put("/users/{userId}/follow", "followUser")
            .summary("Follow somebody")
            .description("Doing it again changes nothing. Nobody can follow themselves.")
            .json::<FollowState>(200)
            .fails(&[400]),
        Operation::delete("/users/{userId}/follow", "unfollowUser")
            .summary("No longer follow somebody")
            .description("Doing it again changes nothing.")
            .json::<FollowState>(200)
            .fails(&[400]),
        Operation::get("/users/{userId}/followers", "listFollowers")
            .summary("Who follows a user, newest follow first")
            .page::<Person>(),
        Operation::get("/users/{userId}/following", "listFollowing")
            .summary("Whom a user follows, newest follow first")
            .page::<Person>(),
    ]
}

fn what_comes_of_them() -> Vec<Operation> {
    vec![
        Operation::get("/feed", "listFeed")
            .summary("What the people you follow have published, newest first")
            .query("tag", "All must match", list(text()).max_items(Some(10)))
            .query(
                "language",
                "One must match, in whatever case",
                list(text()).max_items(Some(10)),
            )
            .page::<ProjectSummary>(),
        Operation::get("/notifications", "listNotifications")
            .summary("What others did with your projects and profile, newest first")
            .query(
                "type",
                "Only of that type",
                words(&["like", "comment", "follow"]),
            )
            .query("unread", "`true` leaves out what is read", boolean())
            .page::<Notification>(),
        Operation::get("/notifications/count", "countNotifications")
            .summary("How many notifications are unread, counted up to 100")
            .json::<UnreadCount>(200),
        Operation::put("/notifications/read", "readNotifications")
            .summary("Mark notifications as read")
            .description("Everything up to `before`, or up to now. What is read stays read.")
            .body::<ReadNotifications>()
            .no_content(),
    ]
}
