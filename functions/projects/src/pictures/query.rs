//! The sizes and formats of images. They are closed lists, because each version is stored.

use axum::http::{HeaderMap, header};
use shared::http::{Check as _, Fields, FromFields, Rule as _, one_of};

use crate::codec::{Fit, Format, ImageKind, PictureOptions};

const LENGTHS: &[(&str, u32)] = &[
    ("16", 16),
    ("32", 32),
    ("48", 48),
    ("64", 64),
    ("96", 96),
    ("128", 128),
    ("256", 256),
    ("384", 384),
    ("640", 640),
    ("750", 750),
    ("828", 828),
    ("1080", 1080),
    ("1200", 1200),
    ("1920", 1920),
    ("2048", 2048),
    ("3840", 3840),
];
const FITS: &[(&str, Fit)] = &[("inside", Fit::Inside), ("cover", Fit::Cover)];
const FORMATS: &[(&str, Option<Format>)] = &[
    ("auto", None),
    ("webp", Some(Format::Webp)),
    ("jpeg", Some(Format::Jpeg)),
    ("png", Some(Format::Png)),
];
const QUALITIES: &[(&str, u8)] = &[("50", 50), ("75", 75), ("90", 90)];

/// The parameters of the query.
#[derive(Clone, Copy, Debug)]
pub struct PictureQuery {
    width: Option<u32>,
    height: Option<u32>,
    fit: Fit,
    /// `None` selects the best format that the client accepts.
    format: Option<Format>,
    quality: u8,
}

impl FromFields for PictureQuery {
    /// `h` requires `w`, and `cover` requires both.
    fn from_fields(fields: &mut Fields) -> Self {
        let width = one_of(LENGTHS).optional().about("Maximum width.");
        let width = fields.read("w", width);
        let height = one_of(LENGTHS)
            .optional()
            .about("Maximum height, with `w` only.");
        let height = fields.read("h", height);
        let fit = one_of(FITS)
            .or(Fit::Inside)
            .about("`cover` fills the box of `w` and `h`, and cuts off the rest.");
        let fit = fields.read("fit", fit);
        if fields.has("h") && !fields.has("w") {
            fields.refuse("h must be used with w");
        }
        if fit == Fit::Cover && !fields.has("h") {
            fields.refuse("fit must be inside without h");
        }
        let format = one_of(FORMATS)
            .or(None)
            .about("`auto` is WebP where the client accepts it, else the type of the file.");
        let format = fields.read("format", format);
        let quality = one_of(QUALITIES).or(75).about("Quality of WebP and JPEG.");
        Self {
            width,
            height,
            fit,
            format,
            quality: fields.read("q", quality),
        }
    }
}

impl PictureQuery {
    /// Chooses the format. The first frame of a GIF becomes PNG, because there is no output in GIF.
    pub fn options(self, kind: ImageKind, headers: &HeaderMap) -> PictureOptions {
        let format = self.format.unwrap_or_else(|| match kind {
            _ if accepts_webp(headers) => Format::Webp,
            ImageKind::Webp => Format::Webp,
            ImageKind::Jpeg => Format::Jpeg,
            ImageKind::Png | ImageKind::Gif => Format::Png,
        });
        PictureOptions {
            width: self.width,
            height: self.height,
            fit: self.fit,
            format,
            quality: self.quality,
        }
    }
}

/// Returns whether `Accept` includes WebP, or all images, with a quality above 0. The more specific range applies.
fn accepts_webp(headers: &HeaderMap) -> bool {
    let ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let (mut precise, mut any_image) = (None, None);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let accepted = parts
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .is_none_or(|(_, quality)| quality.trim().parse::<f32>().is_ok_and(|q| q > 0.0));
        match name.as_str() {
            "image/webp" => precise = Some(accepted),
            "image/*" => any_image = Some(accepted),
            _ => {}
        }
    }
    precise.or(any_image).unwrap_or(false)
}

/// Returns the name of a version among those of its file. It omits options that do not change the version.
pub fn variant(options: PictureOptions) -> String {
    let length =
        |length: Option<u32>| length.map_or_else(|| "any".to_owned(), |length| length.to_string());
    let fit = match options.fit {
        Fit::Inside => "inside",
        Fit::Cover => "cover",
    };
    let name = format!("{}x{}-{fit}", length(options.width), length(options.height));
    let quality = options.quality;
    match options.format {
        Format::Webp => format!("{name}-{quality}.webp"),
        Format::Jpeg => format!("{name}-{quality}.jpeg"),
        Format::Png => format!("{name}.png"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_decides_about_webp() {
        for (accept, expected) in [
            ("image/avif,image/webp,*/*", true),
            ("image/*", true),
            ("IMAGE/WEBP; q=0.1", true),
            ("image/*;q=0.8, image/webp;q=0", false),
            ("image/webp, image/*;q=0", true),
            ("image/webp;q=0", false),
            ("*/*", false),
            ("image/png", false),
            ("image/webpx", false),
            ("image/webp;q=x", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(accepts_webp(&headers), expected, "{accept}");
        }
        assert!(!accepts_webp(&HeaderMap::new()));
    }
}
