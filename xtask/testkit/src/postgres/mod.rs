//! PostgreSQL for development and tests: the database of `DATABASE_URL`, or a local server that runs while it is used.
//!
//! Each process that uses the local server starts a keeper. A keeper is a process in its own process group, which waits for
//! the end of its standard input. The input ends with the process that uses the server, even after SIGKILL. The last keeper
//! stops the server.

mod binaries;
mod command;
mod home;
mod keeper;
mod npm;
mod pooler;
mod server;

pub use keeper::keep;
pub use pooler::PgBouncer;
pub use server::{Postgres, Server, keeper_program};
