//! Resources in responses of several groups, with their fields and the SQL that selects them.

mod project;
mod user;

pub use self::{
    project::{ProjectSummary, push_is_rare},
    user::{Author, PublicUser},
};
