//! The body that declares a file before its upload.

use shared::http::{Check as _, Fields, FromFields, Rule as _, integer, one_of, text};

use crate::codec::ImageKind;

/// Maximum size of a file.
pub const MAX_BYTES: i64 = 10 * 1024 * 1024;

/// The purpose of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Avatar,
    Project,
}

const PURPOSES: &[(&str, Option<Purpose>)] = &[
    ("avatar", Some(Purpose::Avatar)),
    ("project", Some(Purpose::Project)),
];
const IMAGES: &[(&str, FileType)] = &[
    ("image/png", FileType::Image(ImageKind::Png)),
    ("image/jpeg", FileType::Image(ImageKind::Jpeg)),
    ("image/webp", FileType::Image(ImageKind::Webp)),
    ("image/gif", FileType::Image(ImageKind::Gif)),
];
const ALL: &[(&str, FileType)] = &[
    IMAGES[0],
    IMAGES[1],
    IMAGES[2],
    IMAGES[3],
    ("application/pdf", FileType::Pdf),
    ("text/plain", FileType::PlainText),
    ("text/markdown", FileType::Markdown),
    ("application/zip", FileType::Zip),
];

/// An accepted content type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileType {
    Image(ImageKind),
    Pdf,
    #[default]
    PlainText,
    Markdown,
    Zip,
}

impl FileType {
    /// Returns the type with this name.
    pub fn of(name: &str) -> Option<Self> {
        ALL.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, file_type)| *file_type)
    }

    /// Returns the name of the type.
    pub fn name(self) -> &'static str {
        ALL.iter()
            .find(|(_, known)| *known == self)
            .map_or("application/octet-stream", |(name, _)| *name)
    }

    /// Returns whether the bytes start like a file of this type. A text must be text from start to end.
    pub fn is_of(self, bytes: &[u8]) -> bool {
        match self {
            Self::Image(kind) => kind.is_of(bytes),
            Self::Pdf => bytes.starts_with(b"%PDF-"),
            Self::PlainText | Self::Markdown => std::str::from_utf8(bytes).is_ok_and(is_text),
            // Signature of a local file, or of the end of an archive without files.
            Self::Zip => bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06"),
        }
    }
}

fn is_text(text: &str) -> bool {
    text.chars()
        .all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\u{c}' | '\r'))
}

/// A file that is to be uploaded.
#[derive(Debug)]
pub struct CreateUpload {
    /// The project of the file; `None` for an avatar.
    pub project_id: Option<String>,
    pub filename: String,
    pub file_type: FileType,
    /// Bytes.
    pub size: i32,
}

impl FromFields for CreateUpload {
    const ABOUT: &str = "A file that is to be uploaded.";

    /// `purpose` determines the rules of `projectId` and `contentType`.
    fn from_fields(fields: &mut Fields) -> Self {
        let purpose = fields.read("purpose", one_of(PURPOSES).required());
        let project_id = match purpose {
            Some(Purpose::Project) => Some(fields.read("projectId", text().not_empty().required())),
            // A property that is not read is reported as unknown.
            Some(Purpose::Avatar) => None,
            None => fields.read(
                "projectId",
                text()
                    .optional()
                    .about("Required for a project's file, refused for an avatar."),
            ),
        };
        let filename = text()
            .trimmed()
            .not_empty()
            .max(255)
            .rule(
                is_filename,
                "must not contain slashes, backslashes or control characters",
            )
            .required();
        let filename = fields.read("filename", filename);
        let types = match purpose {
            Some(Purpose::Avatar) => IMAGES,
            _ => ALL,
        };
        let file_type = fields.read(
            "contentType",
            one_of(types).required().about("An avatar is an image."),
        );
        let size = fields.read("size", integer(1, MAX_BYTES).required().about("Bytes."));
        Self {
            project_id,
            filename,
            file_type,
            size: i32::try_from(size).unwrap_or(i32::MAX),
        }
    }
}

/// Returns whether the text is a single file name without invisible or misleading characters.
fn is_filename(name: &str) -> bool {
    name.chars().all(|c| {
        // A NUL has a message of its own.
        c == '\0' || !(c.is_control() || matches!(c, '/' | '\\') || is_bidirectional_control(c))
    })
}

/// Characters that change the direction of the text around them.
fn is_bidirectional_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_recognised_by_its_first_bytes() {
        let samples: [(&str, &[u8]); 8] = [
            ("image/png", b"\x89PNG\r\n\x1a\nrest"),
            ("image/jpeg", b"\xff\xd8\xff\xe0"),
            ("image/webp", b"RIFF\x04\0\0\0WEBPVP8 "),
            ("image/gif", b"GIF89a"),
            ("application/pdf", b"%PDF-1.7"),
            ("text/plain", "Grüße\r\n\tan\u{c}alle".as_bytes()),
            ("text/markdown", b"# Title"),
            ("application/zip", b"PK\x03\x04"),
        ];
        for (name, _) in samples {
            let file_type = FileType::of(name).unwrap();
            assert_eq!(file_type.name(), name);
            for (other, bytes) in samples {
                let is_text = |name: &str| name.starts_with("text/");
                // The start of a PDF or an archive may be text too.
                let expected = name == other
                    || is_text(name)
                        && (is_text(other) || bytes.iter().all(|b| (32..127).contains(b)));
                assert_eq!(file_type.is_of(bytes), expected, "{other} as {name}");
            }
            for bytes in [&b"\0"[..], b"\xff\xfe\0", b"\x1b[2J"] {
                assert!(!file_type.is_of(bytes), "{bytes:?} as {name}");
            }
        }
        assert_eq!(FileType::of("image/svg+xml"), None);
    }

    #[test]
    fn a_filename_is_a_single_name_without_misleading_characters() {
        for name in [
            "a.png",
            "..",
            "Grüße 👋.txt",
            "a\"b'c;d%.png",
            "\u{5e9}.txt",
        ] {
            assert!(is_filename(name), "{name}");
        }
        for name in [
            "a/b",
            "../a",
            "a\\b",
            "a\nb",
            "a\u{7f}",
            "a\u{85}",
            "a\u{202e}gnp.exe",
            "\u{2066}",
        ] {
            assert!(!is_filename(name), "{name:?}");
        }
    }
}
