//! SQL of the projects function.

mod facets;
mod files;
mod filter;
mod list;
mod order;
mod pictures;
mod position;
mod projects;
mod relevance;
mod search;
mod trending;
mod uploads;
mod views;

pub use facets::{FacetRow, list_facets, list_matching_facets};
pub use files::list_files;
pub use list::{RankedProject, list_projects};
pub use order::Order;
pub use pictures::{find_picture, finish_picture, forget_picture, lease_picture, release_picture};
pub use position::Position;
pub use projects::{
    ProjectAccess, delete_project, find_access, find_project, insert_project, update_project,
};
pub use uploads::{
    ReadyFile, UploadRefusal, delete_upload, find_upload, finish_upload, insert_upload,
    lease_upload, refuse_upload, release_upload,
};
pub use views::{find_salt, insert_view, upsert_salt};
