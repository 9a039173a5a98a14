//! Completes an upload: the uploaded object becomes the file, or is removed.

use std::time::Duration;

use axum::extract::State;
use bytes::Bytes;
use shared::{
    AppState,
    http::{CurrentUser, Error, Json, Path, Result},
    storage::Storage,
};
use tokio::time::{Instant, sleep};

use super::{FileType, MAX_BYTES, NOT_FOUND, NOT_YOURS, file_key, pending_key, storage};
use crate::{
    codec::{self, ImageRefusal},
    file::{File, FileRow},
    queries::{self, ReadyFile},
};

/// Maximum time to wait for another request that completes the same file.
const MAX_WAIT: Duration = Duration::from_secs(8);
/// Interval in which the file of another request is polled.
const INTERVAL: Duration = Duration::from_millis(100);

const NOT_UPLOADED: Error = Error::Conflict("File was not uploaded yet");
const WRONG_SIZE: Error = Error::BadRequest("File does not have the declared size");
const WRONG_TYPE: Error = Error::BadRequest("File is not of the declared type");

/// `POST /uploads/{uploadId}/complete`
///
/// A lease in the database allows only one request to complete a file. If that request dies, its lease expires, and the
/// next one starts again with the pending object, which is removed only after the file is ready.
pub async fn complete(
    user: CurrentUser,
    State(app): State<AppState>,
    Path(id): Path,
) -> Result<Json<File>> {
    let found = queries::find_upload(&app.db, Some(user.id()), &id).await?;
    let found = found.ok_or(NOT_FOUND)?;
    if !found.is_owner {
        return Err(Error::Forbidden(NOT_YOURS));
    }
    let storage = storage(&app)?;
    let respond = |file| Ok(Json(File::new(file, &app.config.public_url)));
    let deadline = Instant::now() + MAX_WAIT;
    let mut file = found.file;
    while !file.is_ready() {
        if let Some(leased) = queries::lease_upload(&app.db, &file.id).await? {
            return respond(finish(&app, storage, leased).await?);
        }
        if Instant::now() > deadline {
            return Err(Error::Unavailable(anyhow::anyhow!(
                "another request is completing the file"
            )));
        }
        sleep(INTERVAL).await;
        let found = queries::find_upload(&app.db, Some(user.id()), &id).await?;
        file = found.ok_or(NOT_FOUND)?.file;
    }
    respond(file)
}

/// Completes the file whose lease this request has.
async fn finish(app: &AppState, storage: &Storage, file: FileRow) -> Result<FileRow> {
    match check_and_store(storage, &file).await {
        Ok(ready) => {
            let row = queries::finish_upload(&app.db, &file.id, &ready).await?;
            remove_pending(storage, &file.id).await;
            // The file was deleted in the meantime, which has recorded its objects.
            row.ok_or(NOT_FOUND)
        }
        Err(error @ Error::BadRequest(_)) => {
            queries::refuse_upload(&app.db, &file.id).await?;
            remove_pending(storage, &file.id).await;
            Err(error)
        }
        Err(error) => {
            queries::release_upload(&app.db, &file.id).await?;
            Err(error)
        }
    }
}

/// Removes the pending object. Its key is recorded, so the scheduled job removes it if this fails.
async fn remove_pending(storage: &Storage, id: &str) {
    if let Err(error) = storage.delete(&pending_key(id)).await {
        tracing::warn!(%error, "a pending object is left to the scheduled job");
    }
}

async fn check_and_store(storage: &Storage, file: &FileRow) -> Result<ReadyFile> {
    let limit = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    let uploaded = storage.get(&pending_key(&file.id), limit).await;
    let bytes = uploaded.map_err(Error::Unavailable)?.ok_or(NOT_UPLOADED)?;
    if usize::try_from(file.size) != Ok(bytes.len()) {
        return Err(WRONG_SIZE);
    }
    let file_type = FileType::of(&file.content_type).ok_or(WRONG_TYPE)?;
    if !file_type.is_of(&bytes) {
        return Err(WRONG_TYPE);
    }
    let bytes = Bytes::from(bytes);
    let (bytes, width, height) = match file_type {
        FileType::Image(kind) => {
            let clean = codec::run(move || codec::clean(kind, bytes)).await?;
            let clean = clean.map_err(|refusal| Error::BadRequest(refusal.message()))?;
            (clean.bytes, pixels(clean.width)?, pixels(clean.height)?)
        }
        _ => (bytes, None, None),
    };
    let size = i32::try_from(bytes.len()).map_err(anyhow::Error::from)?;
    let stored = storage
        .put(&file_key(&file.id), file_type.name(), bytes)
        .await;
    stored.map_err(Error::Unavailable)?;
    Ok(ReadyFile {
        size,
        width,
        height,
    })
}

fn pixels(length: u32) -> Result<Option<i32>> {
    i32::try_from(length)
        .map(Some)
        .map_err(|_| Error::BadRequest(ImageRefusal::Invalid.message()))
}
