//! Files in the bucket: create, upload, read and delete. Clients send the bytes directly to the bucket.

mod body;
mod complete;
mod disposition;

use std::collections::BTreeMap;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use shared::{
    AppState,
    http::{Created, CurrentUser, Error, Json, NoContent, Path, Result, ResultExt as _, Viewer},
    storage::Storage,
    time::Timestamp,
};
use utoipa::ToSchema;

pub use self::{
    body::{CreateUpload, FileType, MAX_BYTES},
    complete::complete,
};
use crate::{
    file::File,
    queries::{self, ProjectAccess, UploadRefusal},
};

/// The error of every missing file.
pub const NOT_FOUND: Error = Error::NotFound("File");
const NOT_YOURS: &str = "You can only change your own files";

/// A pending file, and the request that uploads it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewUpload {
    pub file: File,
    pub upload: UploadTarget,
}

/// The request that uploads a file. Its body is the file, in exactly the declared size.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadTarget {
    /// `PUT`.
    pub method: &'static str,
    /// An address of the bucket.
    pub url: String,
    /// Headers that the request must have.
    pub headers: BTreeMap<&'static str, String>,
    /// Time from which the bucket rejects the request.
    pub expires_at: Timestamp,
}

/// Returns the bucket.
pub fn storage(app: &AppState) -> Result<&Storage> {
    app.storage.as_ref().ok_or_else(|| {
        Error::Unavailable(anyhow::anyhow!(
            "no bucket is configured, or its credentials are missing"
        ))
    })
}

/// Returns the key of the object that a client uploads. The file gets another object, so that a late upload does not
/// change it.
fn pending_key(id: &str) -> String {
    format!("pending/{id}")
}

/// Returns the key of the object of a file that is ready.
pub fn file_key(id: &str) -> String {
    format!("files/{id}")
}

/// `POST /uploads`
pub async fn create(
    user: CurrentUser,
    State(app): State<AppState>,
    Json(upload): Json<CreateUpload>,
) -> Result<Created<NewUpload>> {
    if let Some(project) = &upload.project_id {
        let access = queries::find_access(&app.db, user.id(), project).await?;
        if access != Some(ProjectAccess::Author) {
            return Err(Error::NotFound("Project"));
        }
    }
    let id = uuid::Uuid::new_v4().to_string();
    let content_type = upload.file_type.name();
    let size = u64::try_from(upload.size).unwrap_or_default();
    let signed = storage(&app)?
        .upload_url(&pending_key(&id), content_type, size)
        .map_err(Error::Unavailable)?;
    let work = async || {
        let mut tx = app.db.begin().await?;
        let inserted = queries::insert_upload(&mut tx, user.id(), &id, &upload)
            .await
            // The project was deleted after the visibility check.
            .on_constraint("upload_projectId_fkey", Error::NotFound("Project"))?
            // The account was deleted after the guard had accepted the request.
            .ok_or(Error::Unauthorized)?;
        let file = inserted.map_err(|refusal| {
            Error::Conflict(match refusal {
                UploadRefusal::ProjectFull => "Project cannot have more files",
                UploadRefusal::TooManyPending => "Too many uploads are pending",
                UploadRefusal::TooManyAvatars => "You cannot have more avatars",
            })
        })?;
        tx.commit().await?;
        Ok::<_, Error>(file)
    };
    let file = File::new(app.db.retry(work).await?, &app.config.public_url);
    let upload = UploadTarget {
        method: "PUT",
        url: signed.url,
        headers: BTreeMap::from([("Content-Type", content_type.to_owned())]),
        expires_at: Timestamp(signed.expires_at.naive_utc()),
    };
    Ok(Created(
        format!("/uploads/{id}"),
        NewUpload { file, upload },
    ))
}

/// `GET /uploads/{uploadId}`
pub async fn show(
    viewer: Viewer,
    State(app): State<AppState>,
    Path(id): Path,
) -> Result<Json<File>> {
    let found = queries::find_upload(&app.db, viewer.id(), &id).await?;
    let found = found.ok_or(NOT_FOUND)?;
    Ok(Json(File::new(found.file, &app.config.public_url)))
}

/// `GET /uploads/{uploadId}/content`
pub async fn content(
    viewer: Viewer,
    State(app): State<AppState>,
    Path(id): Path,
) -> Result<Response> {
    let found = queries::find_upload(&app.db, viewer.id(), &id).await?;
    let file = found.ok_or(NOT_FOUND)?.file;
    if !file.is_ready() {
        return Err(NOT_FOUND);
    }
    let storage = storage(&app)?;
    let key = file_key(&file.id);
    if !storage.exists(&key).await.map_err(Error::Unavailable)? {
        tracing::error!(
            file = file.id,
            "an object is lost although its file is ready"
        );
        return Err(NOT_FOUND);
    }
    let disposition = (!file.is_image()).then(|| disposition::attachment(&file.filename));
    let signed = storage
        .download_url(&key, disposition.as_deref())
        .map_err(Error::Unavailable)?;
    Ok(redirect(signed.url))
}

/// Returns a redirect (302) to an object. The signature is valid for longer than browsers may cache the redirect.
pub fn redirect(url: String) -> Response {
    let headers = [
        (header::LOCATION, url),
        (header::CACHE_CONTROL, "private, max-age=60".to_owned()),
    ];
    (StatusCode::FOUND, headers).into_response()
}

/// `DELETE /uploads/{uploadId}`
pub async fn delete(
    user: CurrentUser,
    State(app): State<AppState>,
    Path(id): Path,
) -> Result<NoContent> {
    let deleted = app
        .db
        .retry(|| queries::delete_upload(&app.db, user.id(), user.is_staff(), &id))
        .await?;
    let Some(owner) = deleted else {
        return Err(
            match queries::find_upload(&app.db, Some(user.id()), &id).await? {
                Some(found) if !found.is_owner => user.forbidden(NOT_YOURS),
                // Another request has deleted the file.
                _ => NOT_FOUND,
            },
        );
    };
    if owner != user.id() {
        tracing::info!(
            target: "audit",
            actor = user.id(),
            action = "file.delete",
            file = id,
            owner,
            "a file was deleted by staff"
        );
    }
    Ok(NoContent)
}
