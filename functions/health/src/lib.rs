//! The health function.
