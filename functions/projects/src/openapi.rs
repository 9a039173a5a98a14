//! This group's part of the OpenAPI document.

use shared::openapi::{Operation, boolean, date_time, integer, list, text, words};

use crate::{
    facets::ProjectFacets,
    files::File,
    project::{Project, ProjectSummary},
    projects::{CreateProject, UpdateProject},
};

/// One operation for each route.
pub fn operations() -> Vec<Operation> {
    vec![
        filtered(Operation::get("/projects", "listProjects"))
            .summary("Find projects")
            .description(
                "Public projects of visible authors; with `author` as your own id also your drafts.",
            )
            .query(
                "sort",
                "`newest` by default, `relevance` with `q`. `newest` with `likedBy` goes by the time of the like",
                words(&[
                    "newest", "updated", "likes", "comments", "views", "trending", "relevance",
                ]),
            )
            .page::<ProjectSummary>(),
        filtered(Operation::get("/projects/facets", "listProjectFacets"))
            .summary("The most frequent tags and languages of public projects")
            .query("prefix", "What they begin with", text().max_length(Some(30)))
            .query("limit", "Of each; 20 by default", integer(1, 100))
            .json::<ProjectFacets>(200),
        Operation::post("/projects", "createProject")
            .summary("Publish a project, or keep a draft")
            .idempotent()
            .body::<CreateProject>()
            .created::<Project>(),
        Operation::get("/projects/{projectId}", "getProject")
            .summary("A whole project")
            .query(
                "include",
                "`contentHtml`: the content as sanitised HTML too",
                words(&["contentHtml"]),
            )
            .json::<Project>(200)
            .optional::<Project>(&["contentHtml"]),
        Operation::put("/projects/{projectId}", "updateProject")
            .summary("Change your project")
            .description("Absent fields keep their value, `null` clears them.")
            .body::<UpdateProject>()
            .json::<Project>(200)
            .fails(&[403, 409]),
        Operation::delete("/projects/{projectId}", "deleteProject")
            .summary("Delete your project, or as staff a public one")
            .no_content()
            .fails(&[403]),
        Operation::post("/projects/{projectId}/views", "viewProject")
            .summary("Count a view")
            .description("At most one for each viewer and day, and none of the author's own.")
            .no_content(),
        Operation::get("/projects/{projectId}/files", "listProjectFiles")
            .summary("A project's files, oldest first")
            .page::<File>(),
    ]
}

/// The filters that lists and facets have in common.
fn filtered(operation: Operation) -> Operation {
    operation
        .query(
            "q",
            "Up to 8 terms that must all occur in the title, the description, the language or a tag",
            text().min_length(Some(1)).max_length(Some(100)),
        )
        .query("tag", "All must match", list(text()).max_items(Some(10)))
        .query(
            "language",
            "Any may match, in whatever case",
            list(text()).max_items(Some(10)),
        )
        .query("author", "A user's id", text())
        .query("likedBy", "A user's id", text())
        .query("isPublic", "`false`: your drafts", boolean())
        .query("createdAfter", "A day or an instant", date_time())
        .query(
            "window",
            "Of `trending` and of counts; `7d` by default",
            words(&["24h", "7d", "30d"]),
        )
}
