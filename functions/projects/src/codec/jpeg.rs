//! JPEG: segments with a marker, and entropy-coded data after the header of each scan (ITU-T T.81, annex B).

use image::metadata::Orientation;
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::{ImageRefusal, Stripped, take};

const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;
const APP15: u8 = 0xef;
const COM: u8 = 0xfe;

/// Removes metadata, thumbnails, and everything after the end.
pub(super) fn strip(mut bytes: &[u8]) -> Result<Stripped, ImageRefusal> {
    take(&mut bytes, 2)?;
    let mut stripped = Stripped {
        bytes: vec![0xff, 0xd8],
        width: 0,
        height: 0,
        frames: 1,
        largest: 0,
        pixels: 0,
        orientation: Orientation::NoTransforms,
    };
    let mut has_scan = false;
    loop {
        let marker = next_marker(&mut bytes)?;
        match marker {
            EOI => break,
            // Markers without a length.
            0x01 | 0xd0..=0xd8 => continue,
            _ => {}
        }
        let length = take(&mut bytes, 2)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let content = take(
            &mut bytes,
            length.checked_sub(2).ok_or(ImageRefusal::Invalid)?,
        )?;
        match marker {
            APP0 => {
                if let Some(content) = without_thumbnail(content) {
                    push(&mut stripped.bytes, marker, &content);
                }
            }
            APP1 => {
                let exif = content.strip_prefix(b"Exif\0\0");
                if let Some(orientation) = exif.and_then(Orientation::from_exif_chunk) {
                    stripped.orientation = orientation;
                }
            }
            APP2 if content.starts_with(b"ICC_PROFILE\0") => {
                push(&mut stripped.bytes, marker, content);
            }
            // This segment describes the encoding of colours.
            APP14 if content.starts_with(b"Adobe") => push(&mut stripped.bytes, marker, content),
            APP2..=APP15 | COM => {}
            _ => {
                if is_frame_header(marker) {
                    read_dimensions(&mut stripped, content)?;
                }
                push(&mut stripped.bytes, marker, content);
                if marker == SOS {
                    has_scan = true;
                    let length = entropy_length(bytes);
                    let data = take(&mut bytes, length)?;
                    stripped.bytes.extend_from_slice(data);
                }
            }
        }
    }
    if !has_scan {
        return Err(ImageRefusal::Invalid);
    }
    stripped.bytes.extend_from_slice(&[0xff, EOI]);
    Ok(stripped)
}

/// Returns the next marker. Skips bytes before it, as decoders do.
fn next_marker(bytes: &mut &[u8]) -> Result<u8, ImageRefusal> {
    loop {
        while take(bytes, 1)? != [0xff] {}
        let mut marker = take(bytes, 1)?[0];
        while marker == 0xff {
            marker = take(bytes, 1)?[0];
        }
        if marker != 0 {
            return Ok(marker);
        }
    }
}

/// Returns the length of the data up to the next marker. Stuffed bytes and restart markers are part of the data.
fn entropy_length(bytes: &[u8]) -> usize {
    bytes
        .windows(2)
        .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff))
        .unwrap_or(bytes.len())
}

fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

fn read_dimensions(stripped: &mut Stripped, content: &[u8]) -> Result<(), ImageRefusal> {
    let &[_, h1, h0, w1, w0, ..] = content else {
        return Err(ImageRefusal::Invalid);
    };
    if stripped.width != 0 {
        return Err(ImageRefusal::Invalid);
    }
    stripped.width = u16::from_be_bytes([w1, w0]).into();
    stripped.height = u16::from_be_bytes([h1, h0]).into();
    Ok(())
}

/// Returns a JFIF header without its thumbnail, or `None` for another segment.
fn without_thumbnail(content: &[u8]) -> Option<Vec<u8>> {
    let header = content
        .get(..12)
        .filter(|header| header.starts_with(b"JFIF\0"))?;
    Some([header, &[0, 0]].concat())
}

fn push(bytes: &mut Vec<u8>, marker: u8, content: &[u8]) {
    // The length of the content was read from 16 bits.
    let length = u16::try_from(content.len() + 2).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&[0xff, marker]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(content);
}

/// Decodes the image. Unlike other decoders, does not replace missing data with grey.
pub(super) fn verify(bytes: &[u8]) -> Result<(), ImageRefusal> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let invalid = |error| {
        tracing::debug!(?error, "a JPEG cannot be decoded");
        ImageRefusal::Invalid
    };
    decoder.decode_headers().map_err(invalid)?;
    let colours = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => ColorSpace::Luma,
        _ => ColorSpace::RGB,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(colours));
    decoder.decode().map(drop).map_err(invalid)
}
