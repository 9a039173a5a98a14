//! Shows the progress of cargo's work as one line instead of cargo's own output.

mod display;
mod progress;

pub use display::StatusLine;
pub use progress::{Progress, Reader, configure, without_escapes};
