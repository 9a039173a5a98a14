//! The projects function.
