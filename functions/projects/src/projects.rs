//! Single projects: create, read, update and delete.

use axum::extract::State;
use shared::{
    AppState, fields,
    http::{
        Attempt, Check as _, Created, CurrentUser, Error, Idempotency, Json, NoContent, Once, Path,
        Query, Result, ResultExt, Text, Texts, Viewer, blocking, boolean, date_time, one_of, text,
        texts,
    },
    markdown,
    time::Timestamp,
};
use unicode_normalization::char::is_combining_mark;

use crate::{
    project::Project,
    queries::{self, ProjectAccess},
};

const NOT_FOUND: Error = Error::NotFound("Project");

fields! {
    /// A new project.
    pub struct CreateProject {
        /// Not blank, and without control characters.
        title: String = "title", title().required();
        /// Plain text for lists.
        description: Option<String> = "description", text().max(500).or_null();
        /// Markdown.
        content: Option<String> = "content", text().max(100_000).or_null();
        /// Stored folded to lower case, without the leading `#` and without duplicates.
        tags: Vec<String> = "tags", tags().or(Vec::new());
        /// The main programming language, such as `Rust`.
        language: Option<String> = "language", language().or_null().map(not_empty);
        /// `false` saves a draft, which only you can see; `true` by default.
        is_public: bool = "isPublic", boolean().or(true);
    }
}

fields! {
    /// Changes of a project. Absent keeps the value, null clears it.
    pub struct UpdateProject {
        /// Not blank, and without control characters.
        title: Option<String> = "title", title().optional();
        /// Plain text for lists.
        description: Option<Option<String>> = "description", text().max(500).nullable();
        /// Markdown.
        content: Option<Option<String>> = "content", text().max(100_000).nullable();
        /// Stored folded to lower case, without the leading `#` and without duplicates.
        tags: Option<Vec<String>> = "tags", tags().optional();
        /// The main programming language, such as `Rust`.
        language: Option<Option<String>> = "language", language().nullable().map(|language| language.map(not_empty));
        /// `false` makes it a draft, which only you can see.
        is_public: Option<bool> = "isPublic", boolean().optional();
        /// If it differs from the stored `updatedAt`, the response is 409 and nothing changes.
        expected_updated_at: Option<Timestamp> = "expectedUpdatedAt", date_time().optional();
    }
}

fn title() -> Text {
    // A NUL has a message of its own.
    let is_printable = |text: &str| text.chars().all(|c| c == '\0' || !c.is_control());
    let title = text().trimmed().composed().not_empty().max(200);
    title.rule(is_printable, "must not contain control characters")
}

fn language() -> Text {
    text().trimmed().composed().max(50)
}

fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn tags() -> Texts {
    let tags = texts()
        .max_items(10)
        .in_form(bare_tag)
        .composed()
        .not_empty()
        .max(30);
    tags.rule(is_tag, "must match TAG regular expression")
}

/// Returns a tag without its leading `#`. The statement that stores the tag folds it.
pub fn bare_tag(tag: &str) -> String {
    let tag = tag.trim();
    tag.strip_prefix('#').unwrap_or(tag).to_owned()
}

fn is_tag(tag: &str) -> bool {
    let is_letter = |c: char| c.is_alphabetic() || is_combining_mark(c);
    let characters: Vec<char> = tag.chars().collect();
    let is_allowed = |(index, c): (usize, &char)| {
        c.is_alphanumeric()
            || is_combining_mark(*c)
            || "+#._-".contains(*c)
            || JOINERS.contains(c)
                && index > 0
                && is_letter(characters[index - 1])
                && characters.get(index + 1).is_some_and(|c| is_letter(*c))
    };
    characters
        .first()
        .is_some_and(|c| c.is_alphanumeric() && !is_combining_mark(*c))
        && characters.iter().enumerate().all(is_allowed)
}

/// Characters that join letters to one word: the zero-width non-joiner (Persian), the zero-width joiner (Sinhala), and
/// the mark between the syllables of a Tibetan word.
const JOINERS: [char; 3] = ['\u{200c}', '\u{200d}', '\u{f0b}'];

fields! {
    /// The query of one project.
    pub struct ShowProject {
        /// `contentHtml`: the content as sanitised HTML too.
        with_html: bool = "include", one_of(&[("contentHtml", true)]).or(false);
    }
}

/// `POST /projects`
pub async fn create(
    user: CurrentUser,
    State(app): State<AppState>,
    idempotency: Idempotency,
    Json(project): Json<CreateProject>,
) -> Result<Once<Created<Project>>> {
    let id = uuid::Uuid::new_v4().to_string();
    let work = async || {
        let mut first = match idempotency.clone().begin(&app.db, &user).await? {
            Attempt::First(first) => first,
            Attempt::Again(answer) => return Ok(answer),
        };
        let project = queries::insert_project(&mut first.tx, user.id(), &id, &project)
            .await
            // The account was deleted after the guard had accepted the request.
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
        let content = project.content.clone();
        let html = blocking(move || content.as_deref().and_then(markdown::to_html)).await?;
        project.content_html = Some(html);
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
        Some(ProjectAccess::Reader) => Error::Forbidden("You can only edit your own projects"),
        Some(ProjectAccess::Author) => Error::Conflict("Project was changed by another request"),
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
            Some(ProjectAccess::Reader) => user.forbidden("You can only delete your own projects"),
            // Another request has deleted the project.
            Some(ProjectAccess::Author) | None => NOT_FOUND,
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
        for tag in [
            "rust",
            "c++",
            "c#",
            "node.js",
            "3d",
            "a_b-c",
            "日本",
            "हिन्दी",
            "தமிழ்",
            "ล่ม",
            "cafe\u{301}",
            "മലയാളം",
            "İstanbul",
            "می\u{200c}خواهم",
            "ශ්\u{200d}රී",
            "བོད་སྐད",
            "Ελληνικά",
            "עִבְרִית",
            "العَرَبِيَّة",
            "ភាសាខ្មែរ",
            "မြန်မာ",
            "한국어",
        ] {
            assert!(is_tag(tag), "{tag}");
        }
        for tag in [
            "",
            "+",
            "#a",
            "a b",
            "a/b",
            "-a",
            "🦀",
            "\u{301}a",
            "\u{200d}a",
            "a\u{200d}",
            "a\u{200c}1",
            "a\u{200d}\u{200d}b",
            "🏳\u{fe0f}\u{200d}🌈",
        ] {
            assert!(!is_tag(tag), "{tag}");
        }
        assert_eq!(bare_tag(" #C# "), "C#");
        assert_eq!(bare_tag("##a"), "#a");
    }
}
