//! Budgets: the maximum of each figure.

/// Sizes of a stripped binary and of its zip.
pub use crate::sam::size_budget;
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
