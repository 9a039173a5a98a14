//! A file as a resource and as a row.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use shared::time::Timestamp;
use utoipa::ToSchema;

/// A file in the deployment's bucket.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct File {
    pub id: String,
    #[schema(value_type = FilePurpose)]
    pub purpose: String,
    pub project_id: Option<String>,
    pub filename: String,
    pub content_type: String,
    /// Bytes.
    pub size: i32,
    /// Width in pixels, for an image that is ready.
    pub width: Option<i32>,
    /// Height in pixels, for an image that is ready.
    pub height: Option<i32>,
    /// `pending` until the upload is completed; only its owner sees it then.
    #[schema(value_type = FileStatus)]
    pub status: String,
    /// Address of the file's content.
    pub url: String,
    /// Address of the image, for which other sizes and formats can be requested. Null for other files.
    pub image_url: Option<String>,
    pub created_at: Timestamp,
}

/// What a file is for.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum FilePurpose {
    Avatar,
    Project,
}

/// State of a file.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum FileStatus {
    Pending,
    Ready,
}

/// A row of `upload`, as PostgreSQL writes it in JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRow {
    pub id: String,
    purpose: String,
    project_id: Option<String>,
    pub filename: String,
    pub content_type: String,
    pub size: i32,
    width: Option<i32>,
    height: Option<i32>,
    status: String,
    pub created_at: NaiveDateTime,
}

impl FileRow {
    /// Returns whether the file can be downloaded.
    pub fn is_ready(&self) -> bool {
        self.status == "ready"
    }

    /// Returns whether the file is an image.
    pub fn is_image(&self) -> bool {
        self.content_type.starts_with("image/")
    }
}

impl File {
    /// Converts a row. The URLs start with `public_url`.
    pub fn new(row: FileRow, public_url: &str) -> Self {
        let is_image = row.is_image();
        Self {
            url: format!("{public_url}/uploads/{}/content", row.id),
            image_url: is_image.then(|| format!("{public_url}/images/{}", row.id)),
            id: row.id,
            purpose: row.purpose,
            project_id: row.project_id,
            filename: row.filename,
            content_type: row.content_type,
            size: row.size,
            width: row.width,
            height: row.height,
            status: row.status,
            created_at: Timestamp(row.created_at),
        }
    }

    /// Converts rows. The URLs start with `public_url`.
    pub fn all(rows: Vec<FileRow>, public_url: &str) -> Vec<Self> {
        let files = rows.into_iter().map(|row| Self::new(row, public_url));
        files.collect()
    }
}
