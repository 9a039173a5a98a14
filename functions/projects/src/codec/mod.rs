//! Images: the requirements for uploads, and the versions that pages request.
//!
//! No input is trusted. Dimensions are read from the headers before decoding, and they limit the work. The work runs on
//! its own thread, so that a panic of a decoder does not end the request's task.

mod clean;
mod gif;
mod jpeg;
#[cfg(test)]
mod memory;
mod picture;
mod png;
mod profile;
mod webp;

use std::panic::{AssertUnwindSafe, catch_unwind};

use shared::http::{BlockingPool, Result};

pub use self::{
    clean::clean,
    picture::{Fit, Format, PictureOptions, render},
};

/// Maximum number of pixels in a frame.
const MAX_PIXELS: u64 = 40_000_000;
/// Maximum number of frames in an animation.
const MAX_FRAMES: u32 = 1_000;
/// Maximum number of pixels in all frames of an animation, which take some seconds to decode.
const MAX_FRAME_PIXELS: u64 = 1_000_000_000;

/// Maximum number of images that are processed concurrently. Each may need half a gigabyte.
const MAX_RUNNING: usize = 2;
/// Maximum number of images that wait. Each needs the size of its file, and takes its turn within the limit of a request.
const MAX_WAITING: usize = 8;

static POOL: BlockingPool = BlockingPool::new(MAX_RUNNING, MAX_WAITING);

/// A type of image that may be uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    Png,
    Jpeg,
    Webp,
    Gif,
}

/// The first bytes of a PNG.
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

impl ImageKind {
    /// Returns whether the bytes start like an image of this type.
    pub fn is_of(self, bytes: &[u8]) -> bool {
        match self {
            Self::Png => bytes.starts_with(PNG_SIGNATURE),
            Self::Jpeg => bytes.starts_with(b"\xff\xd8\xff"),
            Self::Webp => bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
            Self::Gif => bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a"),
        }
    }
}

/// The reason why an upload is rejected as an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageRefusal {
    /// The image cannot be decoded completely.
    Invalid,
    /// A frame has too many pixels, or the sum of all frames has.
    TooManyPixels,
    /// The animation is too long.
    TooManyFrames,
}

impl ImageRefusal {
    /// Returns the message for the client.
    pub fn message(self) -> &'static str {
        match self {
            Self::Invalid => "File is not a valid image",
            Self::TooManyPixels => "Image must not have more than 40 megapixels",
            Self::TooManyFrames => "Image must not have more than 1000 frames",
        }
    }
}

impl From<image::ImageError> for ImageRefusal {
    fn from(error: image::ImageError) -> Self {
        tracing::debug!(%error, "an image cannot be decoded");
        Self::Invalid
    }
}

/// Runs work on a thread that may block. A panic is logged and rejects the image.
///
/// # Errors
/// 503 if too many images are waiting.
pub async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImageRefusal> + Send + 'static,
) -> Result<Result<T, ImageRefusal>> {
    let result = POOL
        .run(move || catch_unwind(AssertUnwindSafe(work)))
        .await?;
    Ok(result.unwrap_or_else(|panic| {
        let error = panic
            .downcast_ref::<&str>()
            .map(|message| (*message).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        tracing::error!(error, "a decoder has panicked");
        Err(ImageRefusal::Invalid)
    }))
}

/// An image without metadata, and the data in its headers.
struct Stripped {
    bytes: Vec<u8>,
    width: u32,
    height: u32,
    /// Number of frames; 1 for a still image.
    frames: u32,
    /// Number of pixels of the largest frame or of the canvas.
    largest: u64,
    /// Number of pixels of all frames.
    pixels: u64,
    orientation: image::metadata::Orientation,
}

impl Stripped {
    /// Rejects an image that is too large to be decoded.
    fn check_limits(&self) -> Result<(), ImageRefusal> {
        let canvas = u64::from(self.width) * u64::from(self.height);
        if canvas == 0 {
            return Err(ImageRefusal::Invalid);
        }
        if self.frames > MAX_FRAMES {
            return Err(ImageRefusal::TooManyFrames);
        }
        if canvas.max(self.largest) > MAX_PIXELS || self.pixels > MAX_FRAME_PIXELS {
            return Err(ImageRefusal::TooManyPixels);
        }
        Ok(())
    }
}

/// Removes and returns the next `count` bytes.
fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Result<&'b [u8], ImageRefusal> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(ImageRefusal::Invalid)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, RwLock};

    use axum::{http::StatusCode, response::IntoResponse};
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_panic_rejects_the_image_and_releases_its_thread() {
        for _ in 0..3 {
            let result = run::<()>(|| panic!("a decoder's mistake")).await.unwrap();
            assert_eq!(result, Err(ImageRefusal::Invalid));
        }
        assert_eq!(run(|| Ok(7)).await.unwrap(), Ok(7));
    }

    #[tokio::test]
    async fn images_beyond_the_queue_are_rejected_and_the_others_are_processed() {
        // The work lasts until each call waits for a thread or is rejected.
        let gate = Arc::new(RwLock::new(()));
        let closed = gate.write().unwrap();
        let work = || {
            let gate = gate.clone();
            run(move || {
                drop(gate.read());
                Ok(())
            })
        };

        let all = join_all((0..MAX_RUNNING + MAX_WAITING + 3).map(|_| work()));
        let (results, ()) = tokio::join!(all, async { drop(closed) });

        let refused = results.into_iter().filter_map(Result::err);
        let refused: Vec<_> = refused.map(IntoResponse::into_response).collect();
        assert_eq!(refused.len(), 3);
        for response in refused {
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()["retry-after"], "5");
        }
        assert_eq!(run(|| Ok(7)).await.unwrap(), Ok(7));
    }
}
