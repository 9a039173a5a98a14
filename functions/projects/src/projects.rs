//! One project: creating, reading, changing and deleting it.

use axum::{extract::State, response::Response};
use shared::{
    AppState,
    http::{
        Attempt, Created, CurrentUser, Error, Fields, FromFields, Idempotency, Json, NoContent,
        Path, Query, Result, ResultExt, Text, Viewer,
    },
    markdown,
    time::Timestamp,
};
use utoipa::ToSchema;

use crate::{
    project::Project,
    queries::{self, Access},
};

const NOT_FOUND: Error = Error::NotFound("Project");

/// A new project.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CreateProject {
    /// Trimmed; no control characters.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Markdown.
    #[schema(max_length = 100_000)]
    pub content: Option<String>,
    /// Kept in lower case, without the leading `#` and without duplicates.
    #[schema(required = false, max_items = 10)]
    pub tags: Vec<String>,
    #[schema(max_length = 50)]
    pub language: Option<String>,
    /// `false` for a draft, else `true`.
    // Generators of typed clients take a property with a default for one that is always there.
    #[schema(required = false)]
    pub is_public: bool,
}

impl FromFields for CreateProject {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            title: title(fields).required(),
            description: description(fields).nullable().flatten(),
            content: content(fields).nullable().flatten(),
            tags: tags(fields).unwrap_or_default(),
            language: language(fields).nullable().flatten().and_then(not_empty),
            is_public: fields.boolean("isPublic").unwrap_or(true),
        }
    }
}

/// Changes of a project. Absent keeps the value, null clears it.
#[expect(clippy::option_option, reason = "absent and null differ")]
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct UpdateProject {
    /// Trimmed; no control characters.
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    pub title: Option<String>,
    #[schema(value_type = Option<String>, max_length = 500)]
    pub description: Option<Option<String>>,
    /// Markdown.
    #[schema(value_type = Option<String>, max_length = 100_000)]
    pub content: Option<Option<String>>,
    /// Kept in lower case, without the leading `#` and without duplicates.
    #[schema(max_items = 10, nullable = false)]
    pub tags: Option<Vec<String>>,
    #[schema(value_type = Option<String>, max_length = 50)]
    pub language: Option<Option<String>>,
    #[schema(nullable = false)]
    pub is_public: Option<bool>,
    /// Where it differs from the stored `updatedAt`, the answer is 409 and nothing changes.
    #[schema(nullable = false)]
    pub expected_updated_at: Option<Timestamp>,
}

impl FromFields for UpdateProject {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            title: title(fields).optional(),
            description: description(fields).nullable(),
            content: content(fields).nullable(),
            tags: tags(fields),
            language: language(fields)
                .nullable()
                .map(|language| language.and_then(not_empty)),
            is_public: fields.boolean("isPublic"),
            expected_updated_at: fields.date("expectedUpdatedAt"),
        }
    }
}

fn title(fields: &mut Fields) -> Text<'_> {
    // A NUL has a message of its own.
    let is_printable = |text: &str| text.chars().all(|c| c == '\0' || !c.is_control());
    let title = fields.text("title").trimmed().not_empty().max(200);
    title.rule(is_printable, "must not contain control characters")
}

fn description(fields: &mut Fields) -> Text<'_> {
    fields.text("description").max(500)
}

fn content(fields: &mut Fields) -> Text<'_> {
    fields.text("content").max(100_000)
}

fn language(fields: &mut Fields) -> Text<'_> {
    fields.text("language").trimmed().max(50)
}

fn not_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn tags(fields: &mut Fields) -> Option<Vec<String>> {
    let tags = fields.list("tags").max_items(10).in_form(stored_tag);
    let tags = tags.not_empty().max(30);
    let tags = tags
        .rule(is_tag, "must match TAG regular expression")
        .optional()?;
    let mut kept: Vec<String> = Vec::with_capacity(tags.len());
    for tag in tags {
        if !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    Some(kept)
}

/// A tag in the form in which it is kept and looked for.
pub fn stored_tag(tag: &str) -> String {
    let tag = tag.trim();
    tag.strip_prefix('#').unwrap_or(tag).to_lowercase()
}

fn is_tag(tag: &str) -> bool {
    tag.starts_with(char::is_alphanumeric)
        && tag
            .chars()
            .all(|c| c.is_alphanumeric() || "+#._-".contains(c))
}

/// The query of one project.
pub struct ShowProject {
    with_html: bool,
}

impl FromFields for ShowProject {
    fn from_fields(fields: &mut Fields) -> Self {
        let include = fields.one_of("include", &[("contentHtml", true)]);
        Self {
            with_html: include.unwrap_or(false),
        }
    }
}

/// `POST /projects`
pub async fn create(
    user: CurrentUser,
    State(app): State<AppState>,
    idempotency: Idempotency,
    Json(project): Json<CreateProject>,
) -> Result<Response> {
    let id = uuid::Uuid::new_v4().to_string();
    let work = async || {
        let mut first = match idempotency.clone().begin(&app.db, &user).await? {
            Attempt::First(first) => first,
            Attempt::Again(answer) => return Ok(answer),
        };
        let project = queries::insert_project(&mut first.tx, user.id(), &id, &project)
            .await
            // The account was deleted after the guard let this request in.
            .on_constraint("projects_authorId_fkey", Error::Unauthorized)?
            .into_project(&app.config.public_url);
        first
            .answer(Created(format!("/projects/{id}"), project))
            .await
    };
    app.db.retry(work).await
}

/// `GET /projects/{projectId}`
pub async fn show(
    viewer: Viewer,
    State(app): State<AppState>,
    Path(id): Path,
    Query(ShowProject { with_html }): Query<ShowProject>,
) -> Result<Json<Project>> {
    let row = queries::find_project(&app.db, viewer.id(), &id).await?;
    let mut project = row.ok_or(NOT_FOUND)?.into_project(&app.config.public_url);
    if with_html {
        project.content_html = Some(project.content.as_deref().and_then(markdown::to_html));
    }
    Ok(Json(project))
}

/// `PUT /projects/{projectId}`
pub async fn update(
    user: CurrentUser,
    State(app): State<AppState>,
    Path(id): Path,
    Json(changes): Json<UpdateProject>,
) -> Result<Json<Project>> {
    let updated = app
        .db
        .retry(|| queries::update_project(&app.db, user.id(), &id, &changes))
        .await?;
    if let Some(row) = updated {
        return Ok(Json(row.into_project(&app.config.public_url)));
    }
    Err(match queries::find_access(&app.db, user.id(), &id).await? {
        None => NOT_FOUND,
        Some(Access::Reader) => Error::Forbidden("You can only edit your own projects"),
        Some(Access::Author) => Error::Conflict("Project was changed by another request"),
    })
}

/// `DELETE /projects/{projectId}`
pub async fn delete(
    user: CurrentUser,
    State(app): State<AppState>,
    Path(id): Path,
) -> Result<NoContent> {
    let deleted = app
        .db
        .retry(|| queries::delete_project(&app.db, user.id(), user.is_staff(), &id))
        .await?;
    let Some(author) = deleted else {
        return Err(match queries::find_access(&app.db, user.id(), &id).await? {
            Some(Access::Reader) => user.forbidden("You can only delete your own projects"),
            // Somebody else has deleted it in this moment.
            Some(Access::Author) | None => NOT_FOUND,
        });
    };
    if author != user.id() {
        tracing::info!(
            target: "audit",
            actor = user.id(),
            action = "project.delete",
            project = id,
            author,
            "a project was deleted by staff"
        );
    }
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_begin_with_a_letter_or_digit() {
        for tag in ["rust", "c++", "c#", "node.js", "3d", "a_b-c", "日本"] {
            assert!(is_tag(tag), "{tag}");
        }
        for tag in ["", "+", "#a", "a b", "a/b", "-a", "a\u{301}", "🦀"] {
            assert!(!is_tag(tag), "{tag}");
        }
        assert_eq!(stored_tag(" #C# "), "c#");
        assert_eq!(stored_tag("##a"), "#a");
    }
}
