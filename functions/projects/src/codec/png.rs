//! PNG: chunks with a length, a type and a checksum (<https://www.w3.org/TR/png-3/>).

use std::io::Cursor;

use image::metadata::Orientation;

use super::{ImageRefusal, PNG_SIGNATURE, Stripped, take};

/// Chunks that affect the appearance. All others are metadata.
const KEPT: [&[u8; 4]; 14] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP",
    b"acTL", b"fcTL", b"fdAT", b"mDCV",
];

/// Maximum size of a colour profile. Profiles of screens and cameras have some kilobytes.
const MAX_PROFILE: usize = 4 * 1024 * 1024;

/// Removes metadata, and everything after the end.
pub(super) fn strip(mut bytes: &[u8]) -> Result<Stripped, ImageRefusal> {
    let signature = take(&mut bytes, PNG_SIGNATURE.len())?;
    let mut stripped = Stripped {
        bytes: signature.to_vec(),
        width: 0,
        height: 0,
        frames: 1,
        largest: 0,
        pixels: 0,
        orientation: Orientation::NoTransforms,
    };
    // The default image may be separate from the animation.
    let mut frames = 0;
    let mut default_is_frame = false;
    let mut has_data = false;
    loop {
        let whole = bytes;
        let length = u32_at(take(&mut bytes, 4)?, 0)? as usize;
        let kind = take(&mut bytes, 4)?;
        let content = take(&mut bytes, length)?;
        take(&mut bytes, 4)?;
        match kind {
            b"IHDR" if stripped.width == 0 => {
                stripped.width = u32_at(content, 0)?;
                stripped.height = u32_at(content, 4)?;
                stripped.largest = area(stripped.width, stripped.height);
            }
            b"eXIf" => {
                let orientation = Orientation::from_exif_chunk(content);
                stripped.orientation = orientation.unwrap_or(Orientation::NoTransforms);
            }
            b"fcTL" => {
                frames += 1;
                default_is_frame |= !has_data;
                let pixels = area(u32_at(content, 4)?, u32_at(content, 8)?);
                stripped.largest = stripped.largest.max(pixels);
                stripped.pixels = stripped.pixels.saturating_add(pixels);
            }
            b"IDAT" => has_data = true,
            _ => {}
        }
        let kind: &[u8; 4] = kind.try_into().map_err(|_| ImageRefusal::Invalid)?;
        if KEPT.contains(&kind) && (kind != b"iCCP" || is_profile(content)) {
            stripped.bytes.extend_from_slice(&whole[..length + 12]);
        }
        if kind == b"IEND" {
            break;
        }
    }
    if !has_data {
        return Err(ImageRefusal::Invalid);
    }
    stripped.frames = frames.max(1);
    if !default_is_frame {
        stripped.pixels = stripped.pixels.saturating_add(stripped.largest);
    }
    Ok(stripped)
}

/// Returns whether a profile can be decompressed. A small chunk of any other may need gigabytes.
fn is_profile(content: &[u8]) -> bool {
    // A name that ends with a zero, and the number of the compression method.
    let name = content.iter().position(|byte| *byte == 0);
    let compressed = name.and_then(|end| content.get(end + 2..));
    compressed.is_some_and(|compressed| {
        fdeflate::decompress_to_vec_bounded(compressed, MAX_PROFILE).is_ok()
    })
}

/// Decodes every frame, one after the other into the same memory.
pub(super) fn verify(bytes: &[u8]) -> Result<(), ImageRefusal> {
    let invalid = |error: png::DecodingError| {
        tracing::debug!(%error, "a PNG cannot be decoded");
        ImageRefusal::Invalid
    };
    let limits = png::Limits { bytes: usize::MAX };
    let mut reader = png::Decoder::new_with_limits(Cursor::new(bytes), limits)
        .read_info()
        .map_err(invalid)?;
    let size = reader.output_buffer_size().ok_or(ImageRefusal::Invalid)?;
    let mut frame = vec![0; size];
    let info = reader.info();
    let animated = info
        .animation_control()
        .map_or(0, |control| control.num_frames);
    // If its data have no frame control, the default image is an additional frame.
    let images = match info.frame_control() {
        Some(_) => animated.max(1),
        None => animated + 1,
    };
    for _ in 0..images {
        reader.next_frame(&mut frame).map_err(invalid)?;
    }
    reader.finish().map_err(invalid)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, ImageRefusal> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map(u32::from_be_bytes).ok_or(ImageRefusal::Invalid)
}

fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}
