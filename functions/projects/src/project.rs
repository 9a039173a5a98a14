//! A project as a resource, as a row, and as the body of a request.

use resources::Author;
use serde::Serialize;
use shared::{
    fields,
    http::{Check as _, Text, Texts, boolean, date_time, text, texts},
    time::Timestamp,
};
use sqlx::types::Json;
use unicode_normalization::char::is_combining_mark;
use utoipa::ToSchema;

use crate::file::{File, FileRow};

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
