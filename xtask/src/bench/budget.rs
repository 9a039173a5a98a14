//! What may be spent at most.

/// Stripped binary and its zip, in bytes.
pub use crate::sam::{MAX_BINARY as BINARY, MAX_ZIP as ZIP};
/// Resident memory after all requests, in bytes.
pub const MEMORY: u64 = 30_000_000;
/// Processor time of a warm request, as a multiple of the floor's.
pub const PROCESSOR: f64 = 2.0;

/// What a request may take.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    /// That many times what its floor takes.
    Floors(f64),
    /// That many milliseconds.
    Milliseconds(f64),
}
