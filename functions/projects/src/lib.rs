//! The projects function: projects, their search, facets, views, files and images.

mod codec;
mod facets;
mod files;
mod filter;
mod list;
mod pictures;
mod project;
mod projects;
mod queries;
mod uploads;
mod views;

use project::Project;
use shared::{
    AppState,
    config::StorageConfig,
    http::{Api, Cache, RateClass, Route, delete, get, post, put},
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
        "Projects: search, facets, views, files and images",
        routes.into_iter().chain(file_routes()),
    )
    .secrets(StorageConfig::SECRETS)
}

/// Returns the routes of files and images.
fn file_routes() -> [Route<AppState>; 6] {
    const FILES: &str = "files are as public as their project, and avatars are public";
    [
        post("createUpload", "/uploads", uploads::create)
            .summary("Creates a file and returns where to upload it")
            .description(
                "Upload the file with the returned request, whose body has exactly the declared size, and then complete it.",
            )
            .creates()
            .fails(&[404, 409]),
        get("getUpload", "/uploads/{uploadId}", uploads::show)
            .summary("Returns a file's description")
            .public(FILES)
            .cached(Cache::Revalidate),
        delete("deleteUpload", "/uploads/{uploadId}", uploads::delete)
            .summary("Deletes your file, or as staff a public one")
            .purges_cache()
            .fails(&[403]),
        post(
            "completeUpload",
            "/uploads/{uploadId}/complete",
            uploads::complete,
        )
        .summary("Checks an uploaded file and publishes it")
        .description(
            "Of an image nothing but pixels, animation and colour profile is kept. A file that is not what was declared is removed.",
        )
        .fails(&[403, 409]),
        get(
            "getUploadContent",
            "/uploads/{uploadId}/content",
            uploads::content,
        )
        .summary("Redirects to a file's content")
        .public(FILES)
        .cached(Cache::Handler)
        .redirect(),
        get("getImage", "/images/{uploadId}", pictures::show)
            .summary("Returns an image in the size and format that a page needs")
            .description("Without parameters, the whole image. It is never enlarged.")
            .public(FILES)
            .cached(Cache::Handler)
            .media(200, "image/webp")
            .media(200, "image/jpeg")
            .media(200, "image/png")
            .with_etag()
            .redirect(),
    ]
}

/// Returns the group's router.
pub fn router(state: AppState) -> axum::Router {
    api().router(state)
}
