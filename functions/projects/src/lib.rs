//! The projects function: projects, their search, facets, views and files.

mod facets;
mod files;
mod filter;
mod list;
pub mod openapi;
mod project;
mod projects;
mod queries;
mod views;

pub use project::{Author, ProjectSummary};
use shared::{
    AppState,
    http::{Api, Cache, Routes, Spend},
};

/// All routes of the group.
pub fn api() -> Api {
    Api::new(
        "projects",
        Routes::new()
            .post("/projects", projects::create)
            .creates()
            .put("/projects/{projectId}", projects::update)
            .hides()
            .delete("/projects/{projectId}", projects::delete)
            .hides(),
    )
    .public(
        "projects are there to be found and seen; handlers answer what the viewer may see",
        Routes::new()
            .get("/projects", list::list)
            .shared()
            .get("/projects/facets", facets::show)
            .shared()
            .get("/projects/{projectId}", projects::show)
            .cached(Cache::Revalidate)
            .post("/projects/{projectId}/views", views::create)
            .spends(Spend::Read)
            .get("/projects/{projectId}/files", files::list),
    )
}

/// The group's router, ready to serve.
pub fn router(state: AppState) -> axum::Router {
    api().router(state)
}
