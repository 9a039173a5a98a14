//! Versions of an image in the requested size and format.

use std::io::Cursor;

use bytes::Bytes;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{
    ColorType, DynamicImage, ImageBuffer, ImageDecoder, ImageEncoder as _, Pixel as _, Rgb,
    codecs::{
        gif::GifDecoder,
        jpeg::{JpegDecoder, JpegEncoder},
        png::{CompressionType, FilterType as PngFilter, PngDecoder, PngEncoder},
        webp::WebPDecoder,
    },
};
use img_parts::{ImageICC as _, webp::WebP};
use webp::{Encoder, WebPConfig};

use super::{ImageKind, ImageRefusal, profile::grey_to_srgb};

/// Maximum width and height in each format.
const MAX_WEBP: u32 = 16_383;
const MAX_JPEG: u32 = 65_535;
/// Number of pixels from which WebP is encoded with less effort, in seconds instead of minutes.
const LARGE: u64 = 4_000_000;

/// How an image is fitted into a box of a width and a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The image is scaled to fit inside the box.
    Inside,
    /// The image is scaled to cover the box, and cropped around its centre.
    Cover,
}

/// Format of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Webp,
    Jpeg,
    Png,
}

/// The requested version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureOptions {
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fit: Fit,
    pub format: Format,
    pub quality: u8,
}

/// A decoded image with 8 bits a channel, and its colour profile.
pub(super) struct Decoded {
    pub image: DynamicImage,
    pub profile: Option<Vec<u8>>,
}

/// Renders the first frame of an image. The image is never enlarged.
pub fn render(
    kind: ImageKind,
    bytes: &[u8],
    options: PictureOptions,
) -> Result<Vec<u8>, ImageRefusal> {
    let decoded = decode(kind, bytes)?;
    let resized = resize(decoded, options)?;
    if options.format == Format::Png {
        return encode_lossless(&resized);
    }
    encode(resized, options.format, options.quality)
}

/// Decodes the first frame.
pub(super) fn decode(kind: ImageKind, bytes: &[u8]) -> Result<Decoded, ImageRefusal> {
    let bytes = Cursor::new(bytes);
    match kind {
        ImageKind::Png => decode_with(PngDecoder::new(bytes)?),
        ImageKind::Jpeg => decode_with(JpegDecoder::new(bytes)?),
        ImageKind::Webp => decode_with(WebPDecoder::new(bytes)?),
        ImageKind::Gif => decode_with(GifDecoder::new(bytes)?),
    }
}

fn decode_with(mut decoder: impl ImageDecoder) -> Result<Decoded, ImageRefusal> {
    // A profile that cannot be read is ignored.
    let profile = decoder.icc_profile().ok().flatten();
    let image = match DynamicImage::from_decoder(decoder)? {
        image @ DynamicImage::ImageLuma16(_) => image.into_luma8().into(),
        image @ DynamicImage::ImageLumaA16(_) => image.into_luma_alpha8().into(),
        image @ (DynamicImage::ImageRgb16(_) | DynamicImage::ImageRgb32F(_)) => {
            image.into_rgb8().into()
        }
        image @ (DynamicImage::ImageRgba16(_) | DynamicImage::ImageRgba32F(_)) => {
            image.into_rgba8().into()
        }
        image => image,
    };
    // CMYK images have been converted, so their profile no longer applies.
    let profile = profile.filter(|profile| profile.get(16..20) == Some(colours(&image)));
    Ok(Decoded { image, profile })
}

/// Returns the signature of the image's colour space in a profile.
fn colours(image: &DynamicImage) -> &'static [u8] {
    if image.color().has_color() {
        b"RGB "
    } else {
        b"GRAY"
    }
}

/// The visible part of an image, and the size of the version.
#[derive(Debug, PartialEq)]
struct Geometry {
    left: f64,
    top: f64,
    crop_width: f64,
    crop_height: f64,
    width: u32,
    height: u32,
}

/// Computes the visible part of an image of this size. Neither scale exceeds 1.
fn geometry((width, height): (u32, u32), options: PictureOptions) -> Geometry {
    let (source_width, source_height) = (f64::from(width), f64::from(height));
    let limit = match options.format {
        Format::Webp => MAX_WEBP,
        Format::Jpeg => MAX_JPEG,
        Format::Png => u32::MAX,
    };
    let limit = f64::from(limit);
    let box_width = options.width.map(f64::from);
    let box_height = options.height.map(f64::from);
    if let (Fit::Cover, Some(box_width), Some(box_height)) = (options.fit, box_width, box_height) {
        // If the image is smaller than the box, the box shrinks in proportion.
        let shrunk = (source_width / box_width)
            .min(source_height / box_height)
            .min(1.0);
        let (wanted_width, wanted_height) = (box_width * shrunk, box_height * shrunk);
        let scale = (source_width / wanted_width).min(source_height / wanted_height);
        let (crop_width, crop_height) = (
            (wanted_width * scale).min(source_width),
            (wanted_height * scale).min(source_height),
        );
        return Geometry {
            left: (source_width - crop_width) / 2.0,
            top: (source_height - crop_height) / 2.0,
            crop_width,
            crop_height,
            width: pixels(wanted_width),
            height: pixels(wanted_height),
        };
    }
    let scale = box_width
        .map_or(1.0, |width| width / source_width)
        .min(box_height.map_or(1.0, |height| height / source_height))
        .min(limit / source_width)
        .min(limit / source_height)
        .min(1.0);
    Geometry {
        left: 0.0,
        top: 0.0,
        crop_width: source_width,
        crop_height: source_height,
        width: pixels(source_width * scale),
        height: pixels(source_height * scale),
    }
}

/// Rounds a length to whole pixels, at least one.
fn pixels(length: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "lengths are positive and at most those of the image"
    )]
    let pixels = length.round() as u32;
    pixels.max(1)
}

fn resize(decoded: Decoded, options: PictureOptions) -> Result<Decoded, ImageRefusal> {
    let Decoded { image, profile } = decoded;
    let geometry = geometry((image.width(), image.height()), options);
    if (geometry.width, geometry.height) == (image.width(), image.height()) {
        return Ok(Decoded { image, profile });
    }
    let mut resized = DynamicImage::new(geometry.width, geometry.height, image.color());
    let resizing = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(
            geometry.left,
            geometry.top,
            geometry.crop_width,
            geometry.crop_height,
        );
    Resizer::new()
        .resize(&image, &mut resized, &resizing)
        .map_err(|error| {
            tracing::error!(%error, "an image cannot be resized");
            ImageRefusal::Invalid
        })?;
    Ok(Decoded {
        image: resized,
        profile,
    })
}

/// Encodes as PNG.
pub(super) fn encode_lossless(decoded: &Decoded) -> Result<Vec<u8>, ImageRefusal> {
    let mut bytes = Vec::new();
    let mut encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, PngFilter::Adaptive);
    if let Some(profile) = &decoded.profile {
        encoder
            .set_icc_profile(profile.clone())
            .map_err(|_| ImageRefusal::Invalid)?;
    }
    decoded.image.write_with_encoder(encoder)?;
    Ok(bytes)
}

/// Encodes with lossy compression, as WebP or JPEG.
pub(super) fn encode(
    decoded: Decoded,
    format: Format,
    quality: u8,
) -> Result<Vec<u8>, ImageRefusal> {
    let Decoded { image, profile } = decoded;
    if format == Format::Webp {
        return encode_webp(image, profile, quality);
    }
    let image = opaque(image);
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    if let Some(profile) = profile {
        encoder
            .set_icc_profile(profile)
            .map_err(|_| ImageRefusal::Invalid)?;
    }
    image.write_with_encoder(encoder)?;
    Ok(bytes)
}

/// Draws a transparent image on white, for a format without transparency.
fn opaque(image: DynamicImage) -> DynamicImage {
    match image.color() {
        ColorType::La8 => {
            let image = image.into_luma_alpha8();
            ImageBuffer::from_fn(image.width(), image.height(), |x, y| {
                let [luma, alpha] = image.get_pixel(x, y).0;
                image::Luma([over_white(luma, alpha)])
            })
            .into()
        }
        ColorType::Rgba8 => {
            let image = image.into_rgba8();
            ImageBuffer::from_fn(image.width(), image.height(), |x, y| {
                let pixel = image.get_pixel(x, y);
                let alpha = pixel.0[3];
                Rgb(pixel.to_rgb().0.map(|channel| over_white(channel, alpha)))
            })
            .into()
        }
        _ => image,
    }
}

fn over_white(channel: u8, alpha: u8) -> u8 {
    let (channel, alpha) = (u32::from(channel), u32::from(alpha));
    let mixed = (channel * alpha + 255 * (255 - alpha) + 127) / 255;
    u8::try_from(mixed).unwrap_or(u8::MAX)
}

/// Converts a grey image to sRGB, for a format without images of one channel.
fn coloured(mut image: DynamicImage, profile: Option<&[u8]>) -> DynamicImage {
    if let Some(srgb) = profile.and_then(grey_to_srgb) {
        let convert = |grey: &mut u8| *grey = srgb[usize::from(*grey)];
        match &mut image {
            DynamicImage::ImageLuma8(image) => image
                .pixels_mut()
                .for_each(|pixel| convert(&mut pixel.0[0])),
            DynamicImage::ImageLumaA8(image) => image
                .pixels_mut()
                .for_each(|pixel| convert(&mut pixel.0[0])),
            _ => {}
        }
    }
    if image.color().has_alpha() {
        image.into_rgba8().into()
    } else {
        image.into_rgb8().into()
    }
}

fn encode_webp(
    image: DynamicImage,
    profile: Option<Vec<u8>>,
    quality: u8,
) -> Result<Vec<u8>, ImageRefusal> {
    let (image, profile) = if image.color().has_color() {
        (image, profile)
    } else {
        (coloured(image, profile.as_deref()), None)
    };
    let (width, height) = (image.width(), image.height());
    let mut config = WebPConfig::new().map_err(|()| ImageRefusal::Invalid)?;
    config.quality = f32::from(quality);
    config.method = if u64::from(width) * u64::from(height) > LARGE {
        2
    } else {
        4
    };
    let encoder = if image.color().has_alpha() {
        Encoder::from_rgba(image.as_bytes(), width, height)
    } else {
        Encoder::from_rgb(image.as_bytes(), width, height)
    };
    let encoded = encoder.encode_advanced(&config).map_err(|error| {
        tracing::error!(?error, "an image cannot be encoded as WebP");
        ImageRefusal::Invalid
    })?;
    let Some(profile) = profile else {
        return Ok(encoded.to_vec());
    };
    let mut webp =
        WebP::from_bytes(Bytes::copy_from_slice(&encoded)).map_err(|_| ImageRefusal::Invalid)?;
    webp.set_icc_profile(Some(profile.into()));
    Ok(webp.encoder().bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(source: (u32, u32), width: u32, height: Option<u32>, fit: Fit) -> (u32, u32) {
        let options = PictureOptions {
            width: Some(width),
            height,
            fit,
            format: Format::Webp,
            quality: 75,
        };
        let geometry = geometry(source, options);
        assert!(geometry.left >= 0.0 && geometry.top >= 0.0);
        assert!(geometry.left + geometry.crop_width <= f64::from(source.0) + 1e-6);
        assert!(geometry.top + geometry.crop_height <= f64::from(source.1) + 1e-6);
        (geometry.width, geometry.height)
    }

    #[test]
    fn images_keep_their_proportions_and_are_not_enlarged() {
        assert_eq!(size((1280, 720), 640, None, Fit::Inside), (640, 360));
        assert_eq!(size((1280, 720), 640, Some(96), Fit::Inside), (171, 96));
        assert_eq!(size((100, 50), 640, Some(640), Fit::Inside), (100, 50));
        assert_eq!(size((1280, 720), 256, Some(256), Fit::Cover), (256, 256));
        assert_eq!(size((100, 50), 640, Some(640), Fit::Cover), (50, 50));
        assert_eq!(size((100, 50), 640, Some(320), Fit::Cover), (100, 50));
        assert_eq!(size((300, 50), 256, Some(128), Fit::Cover), (100, 50));
        assert_eq!(size((10_000, 1), 16, None, Fit::Inside), (16, 1));
        assert_eq!(size((1, 40_000), 16, None, Fit::Inside), (1, 16_383));
    }

    #[test]
    fn transparency_becomes_white() {
        assert_eq!(over_white(0, 255), 0);
        assert_eq!(over_white(0, 0), 255);
        assert_eq!(over_white(100, 128), 177);
    }
}
