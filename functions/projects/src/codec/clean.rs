//! Converts an upload into a publishable file: verified completely, upright, and without metadata.

use bytes::Bytes;
use image::{DynamicImage, metadata::Orientation};

use super::{
    ImageKind, ImageRefusal, gif, jpeg,
    picture::{Format, decode, encode, encode_lossless},
    png, webp,
};

/// Quality of a JPEG or WebP image that is encoded again because it was rotated.
const TURNED_QUALITY: u8 = 95;

/// An image that may be published.
#[derive(Debug)]
pub struct CleanImage {
    pub bytes: Bytes,
    pub width: u32,
    pub height: u32,
}

/// Verifies an image and removes its metadata. The pixels are unchanged, unless the metadata require a rotation. An
/// animation is never rotated, because browsers do not rotate it.
pub fn clean(kind: ImageKind, bytes: Bytes) -> Result<CleanImage, ImageRefusal> {
    let stripped = match kind {
        ImageKind::Png => png::strip(&bytes),
        ImageKind::Jpeg => jpeg::strip(&bytes),
        ImageKind::Webp => webp::strip(bytes),
        ImageKind::Gif => gif::strip(&bytes),
    }?;
    stripped.check_limits()?;
    match kind {
        ImageKind::Png => png::verify(&stripped.bytes),
        ImageKind::Jpeg => jpeg::verify(&stripped.bytes),
        ImageKind::Webp => webp::verify(&stripped.bytes),
        ImageKind::Gif => gif::verify(&stripped.bytes),
    }?;
    if stripped.orientation == Orientation::NoTransforms || stripped.frames > 1 {
        return Ok(CleanImage {
            bytes: stripped.bytes.into(),
            width: stripped.width,
            height: stripped.height,
        });
    }
    turned(kind, &stripped.bytes, stripped.orientation)
}

fn turned(
    kind: ImageKind,
    bytes: &[u8],
    orientation: Orientation,
) -> Result<CleanImage, ImageRefusal> {
    let mut decoded = decode(kind, bytes)?;
    decoded.image.apply_orientation(orientation);
    let (width, height) = (decoded.image.width(), decoded.image.height());
    let bytes = match kind {
        ImageKind::Png => encode_lossless(&decoded)?,
        ImageKind::Jpeg => encode(decoded, Format::Jpeg, TURNED_QUALITY)?,
        // A lossless WebP image has lines that lossy compression would blur.
        ImageKind::Webp if bytes.windows(4).take(64).any(|id| id == b"VP8L") => {
            webp_lossless(&decoded.image, decoded.profile)?
        }
        ImageKind::Webp => encode(decoded, Format::Webp, TURNED_QUALITY)?,
        ImageKind::Gif => return Err(ImageRefusal::Invalid),
    };
    Ok(CleanImage {
        bytes: bytes.into(),
        width,
        height,
    })
}

fn webp_lossless(image: &DynamicImage, profile: Option<Vec<u8>>) -> Result<Vec<u8>, ImageRefusal> {
    use image::{ImageEncoder as _, codecs::webp::WebPEncoder};

    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
    if let Some(profile) = profile {
        encoder
            .set_icc_profile(profile)
            .map_err(|_| ImageRefusal::Invalid)?;
    }
    image.write_with_encoder(encoder)?;
    Ok(bytes)
}
