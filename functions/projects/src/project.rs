//! A project as a resource and as a row.

use resources::Author;
use serde::Serialize;
use shared::time::Timestamp;
use sqlx::types::Json;
use utoipa::ToSchema;

use crate::files::{File, FileRow};

/// A project with its content and files.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    pub id: String,
    pub title: String,
    pub description: Option<String>,
    pub tags: Vec<String>,
    pub language: Option<String>,
    pub is_public: bool,
    pub view_count: i32,
    pub like_count: i32,
    pub comment_count: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub author_id: String,
    pub author: Author,
    pub is_liked: bool,
    /// Markdown.
    pub content: Option<String>,
    /// `content` as sanitised HTML, if `include=contentHtml` is set; null above 2 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    #[expect(clippy::option_option, reason = "not requested and too large differ")]
    pub content_html: Option<Option<String>>,
    /// Oldest first.
    pub files: Vec<File>,
}

/// A project, its author and its files in one row.
pub struct ProjectRow {
    pub id: String,
    pub title: String,
    pub description: Option<String>,
    pub content: Option<String>,
    pub tags: Vec<String>,
    pub language: Option<String>,
    pub is_public: bool,
    pub view_count: i32,
    pub like_count: i32,
    pub comment_count: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub author_id: String,
    pub author_name: String,
    pub author_image: Option<String>,
    pub author_avatar: Option<String>,
    pub author_github_username: Option<String>,
    pub author_is_pro: bool,
    pub is_following: bool,
    pub is_liked: bool,
    pub files: Json<Vec<FileRow>>,
}

impl ProjectRow {
    /// Converts the row; the URLs of files start with `public_url`.
    pub fn into_project(self, public_url: &str) -> Project {
        Project {
            id: self.id,
            title: self.title,
            description: self.description,
            tags: self.tags,
            language: self.language,
            is_public: self.is_public,
            view_count: self.view_count,
            like_count: self.like_count,
            comment_count: self.comment_count,
            created_at: self.created_at,
            updated_at: self.updated_at,
            author: Author {
                id: self.author_id.clone(),
                name: self.author_name,
                image: self.author_image,
                avatar: self.author_avatar,
                github_username: self.author_github_username,
                is_pro: self.author_is_pro,
                is_following: self.is_following,
            },
            author_id: self.author_id,
            is_liked: self.is_liked,
            content: self.content,
            content_html: None,
            files: File::all(self.files.0, public_url),
        }
    }
}
