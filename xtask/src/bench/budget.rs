//! Budgets: the maximum of each figure.

/// Sizes of a stripped binary and of its zip, in bytes.
pub use crate::sam::{MAX_BINARY as BINARY, MAX_ZIP as ZIP};
/// Resident memory after all requests, in bytes.
pub const MEMORY: u64 = 30_000_000;
/// Processor time of a warm request, as a multiple of the floor's.
pub const PROCESSOR: f64 = 2.0;

/// Maximum time of a request.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    /// As a multiple of the time of its floor.
    Floors(f64),
    /// In milliseconds.
    Milliseconds(f64),
}
