//! A notification as a resource.

use resources::Author;
use serde::Serialize;
use shared::time::Timestamp;
use utoipa::ToSchema;

/// A like, a comment or a follow of another user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub created_at: Timestamp,
    pub is_read: bool,
    pub actor: Author,
    /// Null for a follow.
    pub project: Option<NotifiedProject>,
    /// Null except for a comment.
    pub comment: Option<NotifiedComment>,
}

/// The project of a like or a comment.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotifiedProject {
    pub id: String,
    pub title: String,
}

/// The comment.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotifiedComment {
    pub id: String,
    /// The first 200 characters.
    pub content: String,
}

/// Types of notifications. Notifications of one instant are listed in the reverse of this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = NotificationType)]
pub enum Kind {
    Comment,
    Follow,
    Like,
}

impl Kind {
    /// All types with their names.
    pub const ALL: [(&'static str, Self); 3] = [
        ("like", Self::Like),
        ("comment", Self::Comment),
        ("follow", Self::Follow),
    ];

    /// Returns the type with that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| *kind)
    }
}
