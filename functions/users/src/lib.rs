//! The users function.
