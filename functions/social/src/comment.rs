//! A comment as a resource, and the orders of lists of comments.

use resources::Author;
use serde::Serialize;
use shared::time::Timestamp;
use utoipa::ToSchema;

/// A comment on a project.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    pub id: String,
    pub content: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub is_edited: bool,
    pub author_id: String,
    pub author: Author,
    pub project_id: String,
    /// The content as sanitised HTML; null if it would be too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    #[expect(clippy::option_option, reason = "absent and null differ")]
    pub content_html: Option<Option<String>>,
}

/// Orders of a list of comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Oldest,
    Newest,
}

impl Sort {
    /// The name of the order in queries and cursors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Oldest => "oldest",
            Self::Newest => "newest",
        }
    }
}
