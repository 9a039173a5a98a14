//! Pictures of three of the sample projects, where their objects can be put into a local bucket.

use sqlx::PgConnection;
use testkit::storage::LocalStorage;

/// Title of the project, name of the file, and its content: 960 × 540 pixels.
const PICTURES: [(&str, &str, &[u8]); 3] = [
    (
        "Analytical Engine",
        "gears.png",
        include_bytes!("pictures/gears.png"),
    ),
    (
        "Freefall",
        "orbit.png",
        include_bytes!("pictures/orbit.png"),
    ),
    ("Algorhyme", "tree.png", include_bytes!("pictures/tree.png")),
];

/// A ready file, unless the project is gone. It returns the id of the file, which is always the same.
const FILE: &str = r#"
    with picture as (
        select md5('picture ' || $1) as id, p.id as project, p."authorId", p."createdAt"
        from projects p
        where p.id = md5('project ' || $1)
    ),
    inserted as (
        insert into upload (
            id, "userId", "projectId", purpose, filename, "contentType", size, width, height, status,
            "createdAt", "updatedAt"
        )
        select id, "authorId", project, 'project', $2, 'image/png', $3, 960, 540, 'ready', "createdAt", "createdAt"
        from picture
        on conflict (id) do nothing
    )
    select id from picture
"#;

/// Inserts the files and their objects. Running it again changes nothing.
pub async fn insert(db: &mut PgConnection, storage: &LocalStorage) -> anyhow::Result<()> {
    for (title, filename, content) in PICTURES {
        let id: Option<String> = sqlx::query_scalar(FILE)
            .bind(title)
            .bind(filename)
            .bind(i32::try_from(content.len())?)
            .fetch_optional(&mut *db)
            .await?;
        if let Some(id) = id {
            storage.put(&format!("files/{id}"), "image/png", content)?;
        }
    }
    Ok(())
}
