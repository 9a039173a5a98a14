//! Resources that the answers of several groups contain. Each is described once: its fields, and the SQL that selects them.

mod project;
mod user;

pub use self::{
    project::ProjectSummary,
    user::{Author, PublicUser},
};
