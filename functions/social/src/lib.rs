//! The social function.
