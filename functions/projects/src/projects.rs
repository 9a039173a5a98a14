//! Single projects: create, read, update and delete.

use axum::extract::State;
use shared::{
    AppState, fields,
    http::{
        Attempt, Check as _, Created, CurrentUser, Error, Idempotency, Json, NoContent, Once, Path,
        Query, Result, ResultExt, Viewer, blocking, one_of,
    },
    markdown,
};

use crate::{
    project::{CreateProject, Project, UpdateProject},
    queries::{self, ProjectAccess},
};

const NOT_FOUND: Error = Error::NotFound("Project");

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
