//! Tests that the largest pictures fit into the memory of the function in the template.

use std::fs;

use bytes::Bytes;
use image::{GenericImageView, Rgb, codecs::jpeg::JpegEncoder};

use super::{Fit, Format, ImageKind, ImageRefusal, PictureOptions, clean, render};

/// 40 megapixels.
const WIDTH: u32 = 8_000;
const HEIGHT: u32 = 5_000;
/// Megabytes: the template's 1,024 minus the memory for the rest of the function.
const LIMIT: u64 = 900;

/// An image whose pixels are computed and need no memory.
struct Pattern;

impl GenericImageView for Pattern {
    type Pixel = Rgb<u8>;

    fn dimensions(&self) -> (u32, u32) {
        (WIDTH, HEIGHT)
    }

    fn get_pixel(&self, x: u32, y: u32) -> Rgb<u8> {
        let [_, _, high, low] = (x * 31 + y * 17).to_be_bytes();
        let [.., row] = (y >> 5).to_be_bytes();
        Rgb([high, row, low >> 4])
    }
}

/// Returns the maximum memory that this process has used, in megabytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() / 1024
}

#[test]
fn pictures_of_40_megapixels_fit_into_memory() {
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 60);
    encoder.encode_image(&Pattern).unwrap();
    let file = clean(ImageKind::Jpeg, jpeg.into()).unwrap();
    assert_eq!((file.width, file.height), (WIDTH, HEIGHT));
    let mut options = PictureOptions {
        width: Some(3840),
        height: None,
        fit: Fit::Inside,
        format: Format::Webp,
        quality: 75,
    };
    let webp = render(ImageKind::Jpeg, &file.bytes, options).unwrap();
    let made = image::load_from_memory(&webp).unwrap();
    assert_eq!((made.width(), made.height()), (3840, 2400));
    drop(made);
    println!("3840 pixels of a JPEG: {} MB", peak());

    // The image has 16 bits a channel and is not scaled down.
    let mut png = Vec::new();
    let mut header = png::Encoder::new(&mut png, WIDTH, HEIGHT);
    header.set_color(png::ColorType::Rgba);
    header.set_depth(png::BitDepth::Sixteen);
    let mut writer = header.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let row = vec![0x7f; WIDTH as usize * 8];
    for _ in 0..HEIGHT {
        std::io::Write::write_all(&mut stream, &row).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    let file = clean(ImageKind::Png, png.into()).unwrap();
    options.width = None;
    render(ImageKind::Png, &file.bytes, options).unwrap();
    println!("the whole of a PNG of 16 bits: {} MB", peak());

    assert!(peak() < LIMIT, "{} MB", peak());
}

#[test]
fn larger_pictures_are_rejected_before_they_are_decoded() {
    let before = peak();
    let header = |width: u32, height: u32| {
        let mut png = super::PNG_SIGNATURE.to_vec();
        let mut content = b"IHDR".to_vec();
        content.extend(width.to_be_bytes());
        content.extend(height.to_be_bytes());
        content.extend([8, 6, 0, 0, 0]);
        for chunk in [&content[..], b"IDATx", b"IEND"] {
            let length = u32::try_from(chunk.len() - 4).unwrap();
            png.extend(length.to_be_bytes());
            png.extend(chunk);
            png.extend([0; 4]);
        }
        Bytes::from(png)
    };
    for (width, height, refusal) in [
        (8_000, 5_001, ImageRefusal::TooManyPixels),
        (u32::MAX, u32::MAX, ImageRefusal::TooManyPixels),
        (0, 5, ImageRefusal::Invalid),
        (8_000, 5_000, ImageRefusal::Invalid),
    ] {
        let refused = clean(ImageKind::Png, header(width, height)).err();
        assert_eq!(refused, Some(refusal), "{width} x {height}");
    }
    // The truncated image is decoded up to its end.
    assert!(peak() - before < 400, "{} MB", peak() - before);
}

#[test]
fn animations_are_bounded() {
    // The animation repeats a frame of one pixel.
    let frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    let gif = |width: u16, height: u16, frames: usize| {
        let mut gif = b"GIF89a".to_vec();
        gif.extend(width.to_le_bytes());
        gif.extend(height.to_le_bytes());
        gif.extend(b"\x80\0\0\0\0\0\xff\xff\xff");
        gif.extend(frame.repeat(frames));
        gif.push(0x3b);
        Bytes::from(gif)
    };
    assert!(clean(ImageKind::Gif, gif(1, 1, 1_000)).is_ok());
    assert_eq!(
        clean(ImageKind::Gif, gif(1, 1, 10_000)).err(),
        Some(ImageRefusal::TooManyFrames)
    );
    assert_eq!(
        clean(ImageKind::Gif, gif(65_535, 65_535, 1)).err(),
        Some(ImageRefusal::TooManyPixels)
    );
}
