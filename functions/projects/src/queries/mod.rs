//! Everything this group asks of the database.

mod facets;
mod files;
mod filter;
mod list;
mod projects;
mod relevance;
mod trending;
mod views;

pub use facets::{FacetRow, list_facets, list_matching_facets};
pub use files::list_files;
pub use list::{After, Listed, Order, list_projects};
pub use projects::{
    Access, delete_project, find_access, find_project, insert_project, update_project,
};
pub use views::{find_salt, insert_view, upsert_salt};
