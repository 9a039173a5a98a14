//! Tests that the largest pictures fit into the memory of the function in the template.

use std::{
    fs,
    time::{Duration, Instant},
};

use bytes::Bytes;
use image::{GenericImageView, Rgb, codecs::jpeg::JpegEncoder};

use super::{Fit, Format, ImageKind, ImageRefusal, PictureOptions, clean, render};

/// 40 megapixels.
const WIDTH: u32 = 8_000;
const HEIGHT: u32 = 5_000;
/// Megabytes: the template's 1,024 minus the memory for the rest of the function.
const LIMIT: u64 = 900;
/// Time within which an image is accepted or rejected, on a busy machine.
const MAX_TIME: Duration = Duration::from_secs(5);

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
    println!(
        "measured: memory for 3840 pixels of a JPEG of 40 megapixels: {} MB",
        peak()
    );

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
    println!(
        "measured: memory for the whole of such a PNG with 16 bits: {} MB",
        peak()
    );

    assert!(peak() < LIMIT, "{} MB", peak());
}

#[test]
fn larger_pictures_are_rejected_before_they_are_decoded() {
    let before = peak();
    let header = |width: u32, height: u32| {
        let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
        let header = chunk(*b"IHDR", &[&size[..], &[8, 6, 0, 0, 0]].concat());
        let data = chunk(*b"IDAT", b"x");
        Bytes::from([super::PNG_SIGNATURE, &header, &data, &chunk(*b"IEND", b"")].concat())
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

/// Returns a chunk of a PNG without a checksum, which is not verified here.
fn chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length, &kind, content, &[0; 4]].concat()
}

#[test]
fn a_compressed_profile_is_bounded() {
    let mut png = Vec::new();
    let white = image::RgbImage::new(8, 8);
    let encoder = image::codecs::png::PngEncoder::new(&mut png);
    white.write_with_encoder(encoder).unwrap();
    let header = super::PNG_SIGNATURE.len() + 25;
    let with_profile = |megabytes: usize| {
        let mut compressor = fdeflate::Compressor::new(b"icc\0\0".to_vec()).unwrap();
        let megabyte = vec![0; 1 << 20];
        for _ in 0..megabytes {
            compressor.write_data(&megabyte).unwrap();
        }
        let profile = chunk(*b"iCCP", &compressor.finish().unwrap());
        Bytes::from([&png[..header], &profile, &png[header..]].concat())
    };
    let before = peak();
    for (megabytes, is_kept) in [(1, true), (128, false)] {
        let png = with_profile(megabytes);
        assert!(png.len() < 4_000_000, "{} bytes", png.len());

        let file = clean(ImageKind::Png, png).unwrap();

        let has_profile = file.bytes.windows(4).any(|kind| kind == b"iCCP");
        assert_eq!(has_profile, is_kept, "{megabytes} MB");
    }
    assert!(peak() - before < 100, "{} MB", peak() - before);
}

/// Returns a grey JPEG of 40 megapixels with so many scans, of which each has a few bytes.
fn progressive(scans: usize) -> Bytes {
    let mut jpeg = b"\xff\xd8\xff\xc2\0\x0b\x08".to_vec();
    for length in [HEIGHT, WIDTH] {
        jpeg.extend(u16::try_from(length).unwrap().to_be_bytes());
    }
    jpeg.extend(b"\x01\x01\x11\0\xff\xdb\0\x43\0");
    jpeg.extend([1; 64]);
    // Each table has one code, a zero bit: a difference of 0, and a run of 16,384 blocks without coefficients.
    for (table, value) in [(0x00, 0x00), (0x10, 0xe0)] {
        jpeg.extend(b"\xff\xc4\0\x14");
        jpeg.extend([table, 1]);
        jpeg.extend([0; 15]);
        jpeg.push(value);
    }
    let blocks = (WIDTH / 8 * HEIGHT / 8) as usize;
    jpeg.extend(b"\xff\xda\0\x08\x01\x01\0\0\0\0");
    jpeg.extend(vec![0; blocks.div_ceil(8)]);
    let runs = blocks.div_ceil(16_384);
    let scan = [
        b"\xff\xda\0\x08\x01\x01\0\x01\x3f\0",
        &vec![0; (runs * 15).div_ceil(8)][..],
    ]
    .concat();
    jpeg.extend(scan.repeat(scans - 1));
    jpeg.extend(b"\xff\xd9");
    jpeg.into()
}

#[test]
fn scans_and_tables_of_a_jpeg_are_bounded() {
    assert!(clean(ImageKind::Jpeg, progressive(20)).is_ok());
    let started = Instant::now();
    let refused = clean(ImageKind::Jpeg, progressive(100_000)).err();
    assert_eq!(refused, Some(ImageRefusal::Invalid));
    assert!(started.elapsed() < MAX_TIME, "{:?}", started.elapsed());

    let mut jpeg = Vec::new();
    let white = image::RgbImage::new(8, 8);
    let encoder = JpegEncoder::new(&mut jpeg);
    white.write_with_encoder(encoder).unwrap();
    let table = [b"\xff\xdb\0\x43\0", &[1; 64][..]].concat();
    let jpeg = [&jpeg[..2], &table.repeat(140_000), &jpeg[2..]].concat();
    let started = Instant::now();
    assert!(clean(ImageKind::Jpeg, jpeg.into()).is_ok());
    assert!(started.elapsed() < MAX_TIME, "{:?}", started.elapsed());
}

/// Returns an animation that repeats a frame of one pixel.
fn animated_webp(width: u32, height: u32, frames: usize) -> Bytes {
    let mut still = Vec::new();
    let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut still);
    image::RgbImage::new(1, 1)
        .write_with_encoder(encoder)
        .unwrap();
    let u24 = |number: u32| number.to_le_bytes()[..3].to_vec();
    let chunk = |kind: &[u8; 4], content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        [&kind[..], &length, content].concat()
    };
    let canvas = [&[2, 0, 0, 0][..], &u24(width - 1), &u24(height - 1)].concat();
    // Position, size and duration, and the still image's chunk.
    let frame = chunk(
        b"ANMF",
        &[&[0; 12][..], &u24(20), &[0], &still[12..]].concat(),
    );
    let content = [
        b"WEBP",
        &chunk(b"VP8X", &canvas)[..],
        &chunk(b"ANIM", &[0; 6]),
        &frame.repeat(frames),
    ];
    chunk(b"RIFF", &content.concat()).into()
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

    assert!(clean(ImageKind::Webp, animated_webp(1, 1, 1_000)).is_ok());
    assert_eq!(
        clean(ImageKind::Webp, animated_webp(1, 1, 10_000)).err(),
        Some(ImageRefusal::TooManyFrames)
    );
    assert_eq!(
        clean(ImageKind::Webp, animated_webp(16_384, 16_384, 1)).err(),
        Some(ImageRefusal::TooManyPixels)
    );
}
