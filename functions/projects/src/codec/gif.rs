//! GIF: blocks between a header and a trailer (<https://www.w3.org/Graphics/GIF/spec-gif89a.txt>).

use std::io::Cursor;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use image::metadata::Orientation;

use super::{ImageRefusal, Stripped, take};

const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2c;
const TRAILER: u8 = 0x3b;
const GRAPHIC_CONTROL: u8 = 0xf9;
const APPLICATION: u8 = 0xff;

/// Removes comments, texts and the data of applications, except the number of repetitions and the colour profile. Removes
/// everything after the end.
pub(super) fn strip(mut bytes: &[u8]) -> Result<Stripped, ImageRefusal> {
    let header = take(&mut bytes, 13)?;
    let mut kept = header.to_vec();
    kept.extend_from_slice(palette(&mut bytes, header[10])?);
    let (mut frames, mut largest, mut pixels) = (0_u32, 0_u64, 0_u64);
    loop {
        match take(&mut bytes, 1)?[0] {
            // Some encoders end a block twice.
            0 => {}
            TRAILER => break,
            IMAGE => {
                let descriptor = take(&mut bytes, 9)?;
                let colours = palette(&mut bytes, descriptor[8])?;
                let code_size = take(&mut bytes, 1)?;
                let data = sub_blocks(&mut bytes)?;
                for part in [&[IMAGE], descriptor, colours, code_size, data] {
                    kept.extend_from_slice(part);
                }
                let area = u64::from(u16_at(descriptor, 4)) * u64::from(u16_at(descriptor, 6));
                frames = frames.saturating_add(1);
                largest = largest.max(area);
                pixels = pixels.saturating_add(area);
            }
            EXTENSION => {
                let label = take(&mut bytes, 1)?[0];
                let data = sub_blocks(&mut bytes)?;
                if is_kept(label, data) {
                    kept.extend_from_slice(&[EXTENSION, label]);
                    kept.extend_from_slice(data);
                }
            }
            _ => return Err(ImageRefusal::Invalid),
        }
    }
    if frames == 0 {
        return Err(ImageRefusal::Invalid);
    }
    kept.push(TRAILER);
    Ok(Stripped {
        bytes: kept,
        width: u16_at(header, 6).into(),
        height: u16_at(header, 8).into(),
        frames,
        largest,
        pixels,
        orientation: Orientation::NoTransforms,
    })
}

fn is_kept(label: u8, data: &[u8]) -> bool {
    match label {
        GRAPHIC_CONTROL => data.len() == 6,
        // The block has one sub-block, which is the number of repetitions.
        APPLICATION => {
            (data.starts_with(b"\x0bNETSCAPE2.0\x03\x01") && data.len() == 17)
                || data.starts_with(b"\x0bICCRGBG1012")
        }
        _ => false,
    }
}

/// Returns the palette whose size the flags contain.
fn palette<'b>(bytes: &mut &'b [u8], flags: u8) -> Result<&'b [u8], ImageRefusal> {
    if flags & 0x80 == 0 {
        return Ok(&[]);
    }
    take(bytes, 3 << ((flags & 7) + 1))
}

/// Returns a series of sub-blocks, including the empty one at its end.
fn sub_blocks<'b>(bytes: &mut &'b [u8]) -> Result<&'b [u8], ImageRefusal> {
    let whole = *bytes;
    loop {
        let length = usize::from(take(bytes, 1)?[0]);
        if length == 0 {
            return Ok(&whole[..whole.len() - bytes.len()]);
        }
        take(bytes, length)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Decodes every frame, one at a time.
pub(super) fn verify(bytes: &[u8]) -> Result<(), ImageRefusal> {
    let invalid = |error: gif::DecodingError| {
        tracing::debug!(%error, "a GIF cannot be decoded");
        ImageRefusal::Invalid
    };
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // The dimensions of all frames have been checked.
    options.set_memory_limit(MemoryLimit::Unlimited);
    let mut decoder = options.read_info(Cursor::new(bytes)).map_err(invalid)?;
    while decoder.read_next_frame().map_err(invalid)?.is_some() {}
    Ok(())
}
