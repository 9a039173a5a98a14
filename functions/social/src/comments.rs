//! Comments on a project.

use axum::extract::State;
use shared::{
    AppState, fields,
    http::{
        Attempt, Check as _, Created, CurrentUser, Cursor, Error, Fields, FromFields, Idempotency,
        Json, NoContent, Once, Page, PageQuery, Path, Query, Result, ResultExt, Rule as _, Text,
        Viewer, blocking, date_time, one_of, text,
    },
    markdown,
    time::Timestamp,
};

use crate::{
    comment::{Comment, Sort},
    queries,
};

/// Maximum length of a comment, in Unicode scalar values.
const MAX_LENGTH: usize = 5_000;

/// Maximum number of bytes of HTML in a response. JSON may add half of that, and a response may have 4 MiB.
const MAX_HTML_BYTES: usize = 2 * 1024 * 1024;

/// Adds the content as HTML to each comment, in the order of the list, until the response is full.
fn add_html<'c>(comments: impl IntoIterator<Item = &'c mut Comment>) {
    let mut room = MAX_HTML_BYTES;
    for comment in comments {
        let html = markdown::to_html_within(room, &comment.content);
        room -= html.as_ref().map_or(0, String::len);
        comment.content_html = Some(html);
    }
}

/// The query of the list.
pub struct ListComments {
    sort: Sort,
    with_html: bool,
    page: PageQuery,
}

impl FromFields for ListComments {
    fn from_fields(fields: &mut Fields) -> Self {
        let sort = one_of(&[("oldest", Sort::Oldest), ("newest", Sort::Newest)]);
        let sort = sort.or(Sort::Oldest).about("`oldest` by default");
        let sort = fields.read("sort", sort);
        let with_html = one_of(&[("contentHtml", true)]).or(false);
        let with_html = with_html.about(
            "`contentHtml`: the content of each as sanitised HTML too; `limit` is at most 50 then",
        );
        let with_html = fields.read("include", with_html);
        let max = if with_html { 50 } else { 100 };
        Self {
            sort,
            with_html,
            page: PageQuery::with_max(fields, max),
        }
    }
}

/// `GET /projects/{projectId}/comments`
pub async fn list(
    viewer: Viewer,
    State(app): State<AppState>,
    Path(project): Path,
    Query(query): Query<ListComments>,
) -> Result<Page<Comment>> {
    let ListComments {
        sort,
        with_html,
        page,
    } = query;
    let after = page.after(sort.name())?;
    let mut comments =
        queries::list_comments(&app.db, viewer.id(), &project, sort, after, page.fetch())
            .await?
            .ok_or(Error::NotFound("Project"))?;
    if with_html {
        comments = blocking(move || {
            add_html(&mut comments);
            comments
        })
        .await?;
    }
    Ok(page.page(comments, |comment| {
        Cursor::new(sort.name(), (comment.created_at.0, &comment.id))
    }))
}

fields! {
    /// A new comment.
    pub struct CreateComment {
        /// Markdown. Must not be empty or blank.
        content: String = "content", content().required();
    }
}

fn content() -> Text {
    text().not_empty().max(MAX_LENGTH)
}

/// `POST /projects/{projectId}/comments`
pub async fn create(
    user: CurrentUser,
    State(app): State<AppState>,
    Path(project): Path,
    idempotency: Idempotency,
    Json(comment): Json<CreateComment>,
) -> Result<Once<Created<Comment>>> {
    let work = async || {
        let mut first = match idempotency.clone().begin(&app.db, &user).await? {
            Attempt::First(first) => first,
            Attempt::Again(answer) => return Ok(answer),
        };
        let content = &comment.content;
        let made = queries::insert_comment(&mut first.tx, user.id(), &project, content)
            .await
            // The project was deleted after the visibility check.
            .on_constraint("comments_projectId_fkey", Error::NotFound("Project"))?
            .ok_or(Error::NotFound("Project"))?;
        let location = format!("/comments/{}", made.id);
        first.answer(Created(location, made)).await
    };
    app.db.retry(work).await
}

fields! {
    /// The query of one comment.
    pub struct ShowComment {
        /// `contentHtml`: the content as sanitised HTML too.
        with_html: bool = "include", one_of(&[("contentHtml", true)]).or(false);
    }
}

/// `GET /comments/{commentId}`
pub async fn show(
    viewer: Viewer,
    State(app): State<AppState>,
    Path(id): Path,
    Query(ShowComment { with_html }): Query<ShowComment>,
) -> Result<Json<Comment>> {
    let mut comment = queries::find_comment(&app.db, viewer.id(), &id)
        .await?
        .ok_or(Error::NotFound("Comment"))?;
    if with_html {
        comment = blocking(move || {
            add_html([&mut comment]);
            comment
        })
        .await?;
    }
    Ok(Json(comment))
}

fields! {
    /// Changes of a comment. Absent keeps the value.
    pub struct UpdateComment {
        /// Markdown. Must not be empty or blank.
        content: Option<String> = "content", content().optional();
        /// The `updatedAt` on which the change is based. If it differs from the stored one, the response is 409.
        expected_updated_at: Option<Timestamp> = "expectedUpdatedAt", date_time().optional();
    }
}

/// `PUT /comments/{commentId}`
pub async fn update(
    user: CurrentUser,
    State(app): State<AppState>,
    Path(id): Path,
    Json(changes): Json<UpdateComment>,
) -> Result<Json<Comment>> {
    let updated = app
        .db
        .retry(|| {
            queries::update_comment(
                &app.db,
                user.id(),
                &id,
                changes.content.as_deref(),
                changes.expected_updated_at,
            )
        })
        .await?;
    if let Some(comment) = updated {
        return Ok(Json(comment));
    }
    // Nothing was changed. Find out the reason.
    match queries::find_comment(&app.db, Some(user.id()), &id).await? {
        Some(comment) if comment.author_id != user.id() => {
            Err(Error::Forbidden("You can only edit your own comments"))
        }
        Some(_) if changes.expected_updated_at.is_some() => {
            Err(Error::Conflict("Comment was changed by another request"))
        }
        // The comment was deleted, or it has become visible in the meantime.
        _ => Err(Error::NotFound("Comment")),
    }
}

/// `DELETE /comments/{commentId}`
pub async fn delete(
    user: CurrentUser,
    State(app): State<AppState>,
    Path(id): Path,
) -> Result<NoContent> {
    let deleted = app
        .db
        .retry(|| queries::delete_comment(&app.db, user.id(), user.is_staff(), &id))
        .await?;
    let Some(deleted) = deleted else {
        // Nothing was deleted. Find out the reason.
        return Err(
            match queries::find_comment(&app.db, Some(user.id()), &id).await? {
                Some(comment) if comment.author_id != user.id() && !user.is_staff() => {
                    user.forbidden("You can only delete your own comments")
                }
                // The comment was deleted, or it has become visible in the meantime.
                _ => Error::NotFound("Comment"),
            },
        );
    };
    if deleted.by_staff {
        tracing::info!(
            target: "audit",
            actor = user.id(),
            action = "comment.delete",
            comment = id,
            author = deleted.author_id,
            project = deleted.project_id,
            "a comment was deleted by staff"
        );
    }
    Ok(NoContent)
}
