//! SQL of the projects function.

mod facets;
mod files;
mod filter;
mod list;
mod position;
mod projects;
mod relevance;
mod trending;
mod views;

pub use facets::{FacetRow, list_facets, list_matching_facets};
pub use files::list_files;
pub use list::{Order, RankedProject, list_projects};
pub use position::Position;
pub use projects::{
    ProjectAccess, delete_project, find_access, find_project, insert_project, update_project,
};
pub use views::{find_salt, insert_view, upsert_salt};
