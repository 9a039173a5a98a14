//! WebP: chunks in a RIFF container (<https://developers.google.com/speed/webp/docs/riff_container>).

use std::io::Cursor;

use bytes::Bytes;
use image::{
    AnimationDecoder as _, ImageDecoder as _, codecs::webp::WebPDecoder, metadata::Orientation,
};
use img_parts::{
    riff::{RiffChunk, RiffContent},
    webp::WebP,
};

use super::{ImageRefusal, Stripped, take};

/// Chunks that affect the appearance. All others are metadata.
const KEPT: [&[u8; 4]; 7] = [
    b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP",
];
/// Flags of metadata in `VP8X`.
const EXIF_AND_XMP: u8 = 0b1100;
/// Bytes of an `ANMF` chunk before the chunks of its frame.
const FRAME_HEADER: usize = 16;

/// Removes metadata, and everything after the end.
pub(super) fn strip(bytes: Bytes) -> Result<Stripped, ImageRefusal> {
    let mut webp = WebP::from_bytes(bytes).map_err(|_| ImageRefusal::Invalid)?;
    let (width, height) = webp.dimensions().ok_or(ImageRefusal::Invalid)?;
    let exif = webp
        .chunk_by_id(*b"EXIF")
        .and_then(|chunk| chunk.content().data());
    let orientation = exif.and_then(|exif| {
        Orientation::from_exif_chunk(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))
    });
    let mut stripped = Stripped {
        bytes: Vec::new(),
        width,
        height,
        frames: 0,
        largest: 0,
        pixels: 0,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
    };
    let mut kept = Vec::new();
    for chunk in webp.chunks() {
        let id = chunk.id();
        let Some(data) = chunk.content().data().filter(|_| KEPT.contains(&&id)) else {
            continue;
        };
        let data = match &id {
            b"VP8X" => without_flags(data)?,
            b"ANMF" => frame(data, &mut stripped)?,
            _ => {
                if let Some(size) = coded_size(id, data)? {
                    stripped.add_frame(size, (width, height))?;
                }
                data.clone()
            }
        };
        kept.push(RiffChunk::new(id, RiffContent::Data(data)));
    }
    if stripped.frames == 0 {
        return Err(ImageRefusal::Invalid);
    }
    *webp.chunks_mut() = kept;
    stripped.bytes = webp.encoder().bytes().to_vec();
    Ok(stripped)
}

impl Stripped {
    /// Counts a frame. Its coded size must equal the size in its header, because decoders allocate memory for both.
    fn add_frame(&mut self, coded: (u32, u32), announced: (u32, u32)) -> Result<(), ImageRefusal> {
        if coded != announced {
            return Err(ImageRefusal::Invalid);
        }
        let area = u64::from(coded.0) * u64::from(coded.1);
        self.frames = self.frames.saturating_add(1);
        self.largest = self.largest.max(area);
        self.pixels = self.pixels.saturating_add(area);
        Ok(())
    }
}

fn without_flags(data: &Bytes) -> Result<Bytes, ImageRefusal> {
    let mut data = data.to_vec();
    *data.first_mut().ok_or(ImageRefusal::Invalid)? &= !EXIF_AND_XMP;
    Ok(data.into())
}

/// Returns a frame of an animation with only the chunks of its image.
fn frame(data: &Bytes, stripped: &mut Stripped) -> Result<Bytes, ImageRefusal> {
    let mut rest = &data[..];
    let header = take(&mut rest, FRAME_HEADER)?;
    let place = |at: usize| u24_at(header, at);
    let (x, y) = (2 * place(0), 2 * place(3));
    let size = (place(6) + 1, place(9) + 1);
    if x + size.0 > stripped.width || y + size.1 > stripped.height {
        return Err(ImageRefusal::Invalid);
    }
    let mut kept = header.to_vec();
    let mut has_image = false;
    while !rest.is_empty() {
        let whole = rest;
        let id: [u8; 4] = take(&mut rest, 4)?
            .try_into()
            .map_err(|_| ImageRefusal::Invalid)?;
        let length = take(&mut rest, 4)?;
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let content = take(&mut rest, length)?;
        take(&mut rest, length % 2)?;
        if let Some(coded) = coded_size(id, content)? {
            stripped.add_frame(coded, size)?;
            has_image = true;
        }
        if matches!(&id, b"ALPH" | b"VP8 " | b"VP8L") {
            kept.extend_from_slice(&whole[..whole.len() - rest.len()]);
        }
    }
    if !has_image {
        return Err(ImageRefusal::Invalid);
    }
    Ok(kept.into())
}

/// Returns width and height at the start of a coded image, or `None` for another chunk.
fn coded_size(id: [u8; 4], data: &[u8]) -> Result<Option<(u32, u32)>, ImageRefusal> {
    let at = |index: usize| data.get(index).copied().ok_or(ImageRefusal::Invalid);
    let pair = |index: usize| -> Result<u32, ImageRefusal> {
        Ok(u32::from(at(index)?) | u32::from(at(index + 1)?) << 8)
    };
    Ok(match &id {
        b"VP8 " => Some((pair(6)? & 0x3fff, pair(8)? & 0x3fff)),
        b"VP8L" => {
            let bits = pair(1)? | pair(3)? << 16;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        _ => None,
    })
}

fn u24_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], 0])
}

/// Decodes every frame, one at a time.
pub(super) fn verify(bytes: &[u8]) -> Result<(), ImageRefusal> {
    let decoder = WebPDecoder::new(Cursor::new(bytes))?;
    if decoder.has_animation() {
        for frame in decoder.into_frames() {
            frame?;
        }
        return Ok(());
    }
    let size = usize::try_from(decoder.total_bytes()).map_err(|_| ImageRefusal::Invalid)?;
    let mut pixels = vec![0; size];
    Ok(decoder.read_image(&mut pixels)?)
}
