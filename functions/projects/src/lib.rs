//! The projects function: projects, their search, facets, views and files.

mod facets;
mod files;
mod filter;
mod list;
mod project;
mod projects;
mod queries;
mod views;

use project::Project;
use shared::{
    AppState,
    http::{Api, Cache, RateClass, delete, get, post, put},
};

/// All routes of the group.
pub fn api() -> Api {
    const OPEN: &str =
        "projects are there to be found and seen; handlers answer what the viewer may see";
    let routes = [
        get("listProjects", "/projects", list::list)
            .summary("Lists projects, newest first, or in another order")
            .description(
                "Public projects of visible authors; with `author` as your own id also your drafts.",
            )
            .public(OPEN)
            .cached_in_redis(),
        post("createProject", "/projects", projects::create)
            .summary("Publishes a project, or keeps a draft")
            .creates(),
        get("listProjectFacets", "/projects/facets", facets::show)
            .summary("Lists the most frequent tags and languages of public projects")
            .public(OPEN)
            .cached_in_redis(),
        get("getProject", "/projects/{projectId}", projects::show)
            .summary("Returns a project with its content and files")
            .public(OPEN)
            .cached(Cache::Revalidate)
            .may_lack::<Project>(&["contentHtml"]),
        put("updateProject", "/projects/{projectId}", projects::update)
            .summary("Updates your project")
            .description("Absent fields keep their value, `null` clears them.")
            .purges_cache()
            .fails(&[403, 409]),
        delete("deleteProject", "/projects/{projectId}", projects::delete)
            .summary("Deletes your project, or as staff a public one")
            .purges_cache()
            .fails(&[403]),
        post("viewProject", "/projects/{projectId}/views", views::create)
            .summary("Counts a view")
            .description("At most one for each viewer and day, and none of the author's own.")
            .public(OPEN)
            .counted_as(RateClass::Read),
        get("listProjectFiles", "/projects/{projectId}/files", files::list)
            .summary("Lists a project's files, oldest first")
            .public(OPEN),
    ];
    Api::new(
        "projects",
        "Projects: search, facets, views and files",
        routes,
    )
}

/// The group's router, ready to serve.
pub fn router(state: AppState) -> axum::Router {
    api().router(state)
}
