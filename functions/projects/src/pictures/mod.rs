//! `GET /images/{uploadId}`: images in the requested size and format. Each version is made once and stored.

mod query;
mod recent;

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use shared::{
    AppState,
    http::{Error, Path, Query, RateClass, Result, ResultExt as _, Viewer, etag_matches, spend},
    storage::Storage,
};
use tokio::time::{Instant, sleep};

pub use self::query::PictureQuery;
use self::query::variant;
use crate::{
    codec::{self, Format, ImageKind, PictureOptions},
    file::FileRow,
    queries,
    uploads::{self, FileType, MAX_BYTES, NOT_FOUND, file_key, redirect},
};

/// Maximum size of a version in a response. Lambda limits responses to 6 MB, and base64 adds a third.
const MAX_RESPONSE: usize = 4 * 1024 * 1024;
/// Maximum time to wait for another request that makes the same version.
const MAX_WAIT: Duration = Duration::from_secs(8);
/// Interval between two checks whether another request has finished the version.
const INTERVAL: Duration = Duration::from_millis(100);
/// A part of the entity tag. Change it together with the code that makes versions, so that caches drop the old ones.
const VERSION: &str = "1";

/// `GET /images/{uploadId}`
pub async fn show(
    viewer: Viewer,
    State(app): State<AppState>,
    headers: HeaderMap,
    Path(id): Path,
    Query(query): Query<PictureQuery>,
) -> Result<Response> {
    let found = queries::find_upload(&app.db, viewer.id(), &id).await?;
    let found = found.ok_or(NOT_FOUND)?;
    let Some(FileType::Image(kind)) = FileType::of(&found.file.content_type) else {
        return Err(NOT_FOUND);
    };
    if !found.file.is_ready() {
        return Err(NOT_FOUND);
    }
    let storage = uploads::storage(&app)?;
    let options = query.options(kind, &headers);
    let picture = Picture {
        app: &app,
        storage,
        file: &found.file,
        kind,
        options,
        variant: variant(options),
    };
    let etag = picture.etag();
    let mut response = if etag_matches(headers.get_all(header::IF_NONE_MATCH), &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match picture.load(&viewer).await? {
            Loaded::Bytes(bytes) => {
                ([(header::CONTENT_TYPE, picture.content_type())], bytes).into_response()
            }
            Loaded::Large(url) => return Ok(redirect(url)),
        }
    };
    let (control, vary) = if found.is_public {
        ("public, max-age=3600, s-maxage=3600", "Accept, Origin")
    } else {
        (
            "private, no-cache",
            "Accept, Origin, Cookie, Authorization, X-Api-Key",
        )
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
    headers.insert(header::VARY, HeaderValue::from_static(vary));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    Ok(response)
}

/// A version for a response.
enum Loaded {
    Bytes(Bytes),
    /// Address in the bucket, for a version that is too large for a response.
    Large(String),
}

/// A version of a file.
struct Picture<'a> {
    app: &'a AppState,
    storage: &'a Storage,
    file: &'a FileRow,
    kind: ImageKind,
    options: PictureOptions,
    variant: String,
}

impl Picture<'_> {
    /// Returns the entity tag. A file never changes, so the name of the version is sufficient.
    fn etag(&self) -> String {
        let hash = Sha256::digest(format!("{VERSION} {} {}", self.file.id, self.variant));
        format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..16]))
    }

    fn key(&self) -> String {
        format!("images/{}/{}", self.file.id, self.variant)
    }

    fn content_type(&self) -> &'static str {
        match self.options.format {
            Format::Webp => "image/webp",
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
        }
    }

    /// Loads the version from memory or from the bucket, makes it, or waits for another request that makes it.
    async fn load(&self, viewer: &Viewer) -> Result<Loaded> {
        if let Some(bytes) = recent::find(&self.key()) {
            return Ok(Loaded::Bytes(bytes));
        }
        let db = &self.app.db;
        let deadline = Instant::now() + MAX_WAIT;
        loop {
            if let Some(size) = queries::find_picture(db, &self.file.id, &self.variant).await? {
                if let Some(loaded) = self.load_kept(size).await? {
                    return Ok(loaded);
                }
                tracing::warn!(
                    file = self.file.id,
                    self.variant,
                    "a picture is lost and made again"
                );
                queries::forget_picture(db, &self.file.id, &self.variant).await?;
            }
            let leased = queries::lease_picture(db, &self.file.id, &self.variant)
                .await
                // The file was deleted after the visibility check.
                .on_constraint("picture_uploadId_fkey", NOT_FOUND)?;
            if leased {
                let made = self.make(viewer).await;
                if made.is_err() {
                    queries::release_picture(db, &self.file.id, &self.variant).await?;
                }
                return made;
            }
            if Instant::now() > deadline {
                return Err(Error::Unavailable(anyhow::anyhow!(
                    "another request is making the picture"
                )));
            }
            sleep(INTERVAL).await;
        }
    }

    /// Returns `None` if the object is lost.
    async fn load_kept(&self, size: i32) -> Result<Option<Loaded>> {
        let key = self.key();
        if usize::try_from(size).is_ok_and(|size| size > MAX_RESPONSE) {
            let exists = self
                .storage
                .exists(&key)
                .await
                .map_err(Error::Unavailable)?;
            return exists.then(|| self.large()).transpose();
        }
        let bytes = self.storage.get(&key, MAX_RESPONSE).await;
        let Some(bytes) = bytes.map_err(Error::Unavailable)? else {
            return Ok(None);
        };
        let bytes = Bytes::from(bytes);
        recent::keep(key, &bytes);
        Ok(Some(Loaded::Bytes(bytes)))
    }

    fn large(&self) -> Result<Loaded> {
        let signed = self.storage.download_url(&self.key(), None);
        let signed = signed.map_err(Error::Unavailable)?;
        Ok(Loaded::Large(signed.url))
    }

    /// Makes the version and stores it.
    async fn make(&self, viewer: &Viewer) -> Result<Loaded> {
        // Anonymous requests of all kinds count against one quota.
        if let Some(user) = viewer.id()
            && let Some(seconds) = spend(self.app, user, RateClass::Write).await
        {
            return Err(Error::TooManyRequests(seconds));
        }
        let limit = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
        let source = self.storage.get(&file_key(&self.file.id), limit * 2).await;
        let Some(source) = source.map_err(Error::Unavailable)? else {
            tracing::error!(
                file = self.file.id,
                "an object is lost although its file is ready"
            );
            return Err(NOT_FOUND);
        };
        let (kind, options) = (self.kind, self.options);
        let made = codec::run(move || codec::render(kind, &source, options)).await?;
        let made = made.map_err(|refusal| Error::BadRequest(refusal.message()))?;
        let bytes = Bytes::from(made);
        let size = i32::try_from(bytes.len()).map_err(anyhow::Error::from)?;
        let stored = self
            .storage
            .put(&self.key(), self.content_type(), bytes.clone())
            .await;
        stored.map_err(Error::Unavailable)?;
        let db = &self.app.db;
        if !queries::finish_picture(db, &self.file.id, &self.variant, size).await? {
            return Err(NOT_FOUND);
        }
        if bytes.len() > MAX_RESPONSE {
            return self.large();
        }
        recent::keep(self.key(), &bytes);
        Ok(Loaded::Bytes(bytes))
    }
}
