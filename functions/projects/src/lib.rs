//! The projects function: projects, their search, facets, views, files and images.

mod codec;
mod facets;
mod file;
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
    http::{Api, Cache, RateClass, Route, delete, get, post, put, topic},
    serve::Group,
};

/// All routes of the group.
pub fn api() -> Api {
    const OPEN: &str =
        "projects are there to be found and seen; handlers answer what the viewer may see";
    let routes = [
        get("listProjects", "/projects", list::list)
            .summary("Lists projects, newest first or in another order")
            .description(
                "Returns public projects. With `author` as your own id, returns your drafts too.",
            )
            .public(OPEN)
            .cached_in_redis(),
        post("createProject", "/projects", projects::create)
            .summary("Publishes a project, or saves a draft")
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
            .description("Properties that are absent keep their value, and `null` clears one. With `expectedUpdatedAt`, changes the project only if \
                 nobody has changed it since; otherwise the response is 409.")
            .purges_cache()
            .fails(&[403, 409]),
        delete("deleteProject", "/projects/{projectId}", projects::delete)
            .summary("Deletes a project")
            .description("Allowed to its author; moderators and admins may delete public projects. Its comments, likes and files are deleted too.")
            .purges_cache()
            .fails(&[403]),
        post("viewProject", "/projects/{projectId}/views", views::create)
            .summary("Counts a view of a project")
            .description("Counts at most one view for each viewer and day. Views by the author are not counted.")
            .public(OPEN)
            .counted_as(RateClass::Read),
        get("listProjectFiles", "/projects/{projectId}/files", files::list)
            .summary("Lists a project's files, oldest first")
            .public(OPEN),
    ];
    Api::new(
        "projects",
        "Projects: search, facets, views, files and images",
        [
            topic("Projects", routes),
            topic("Files and images", file_routes()),
        ]
        .concat(),
    )
    .secrets(StorageConfig::SECRETS)
}

/// Returns the routes of files and images.
fn file_routes() -> [Route<AppState>; 6] {
    const FILES: &str = "files are as public as their project, and avatars are public";
    [
        post("createUpload", "/uploads", uploads::create)
            .summary("Starts an upload, and returns the address for the content")
            .description(
                "An upload has three steps: this request, the request in `upload` with the file as its body, and `POST /uploads/{uploadId}/complete`. \
                 The file must have exactly the declared size and type.",
            )
            .creates()
            .fails(&[404, 409]),
        get("getUpload", "/uploads/{uploadId}", uploads::show)
            .summary("Returns a file's name, type, size and state")
            .public(FILES)
            .cached(Cache::Revalidate),
        delete("deleteUpload", "/uploads/{uploadId}", uploads::delete)
            .summary("Deletes a file")
            .description("Allowed to its owner; moderators and admins may delete files of public projects, and avatars.")
            .purges_cache()
            .fails(&[403]),
        post(
            "completeUpload",
            "/uploads/{uploadId}/complete",
            uploads::complete,
        )
        .summary("Checks an uploaded file and publishes it")
        .description(
            "Metadata is removed from images, such as the place where a photo was taken. A file of another type than declared is \
             deleted, and the response is 400.",
        )
        .fails(&[403, 409]),
        get(
            "getUploadContent",
            "/uploads/{uploadId}/content",
            uploads::content,
        )
        .summary("Redirects to a file's content")
        .description("The address is valid for 5 minutes.")
        .public(FILES)
        .cached(Cache::Handler)
        .redirect(),
        get("getImage", "/images/{uploadId}", pictures::show)
            .summary("Returns an image in the size and format that a page needs")
            .description("Without parameters, returns the image in its own size. Images are never enlarged. Image results of more than 4 MiB are \
                 redirects to the bucket.")
            .public(FILES)
            .cached(Cache::Handler)
            .media(200, "image/webp")
            .media(200, "image/jpeg")
            .media(200, "image/png")
            .with_etag()
            .redirect(),
    ]
}

/// Returns the group, as a program serves it.
pub fn group() -> Group {
    Group::new(api(), Ok)
}

/// Returns the group's router.
pub fn router(state: AppState) -> axum::Router {
    api().router(state)
}
