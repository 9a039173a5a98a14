//! Access to a private project, by route and caller.

use axum::http::Method;
use serde_json::json;
use sqlx::PgPool;

use crate::{app, create, each, number, sql};

#[testkit::test]
async fn a_draft_is_not_found_by_other_callers(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = create(
        &ada,
        json!({ "title": "Unique", "tags": ["unique"], "language": "Unique", "isPublic": false }),
    )
    .await;
    sql(
        &db,
        r#"insert into likes (id, "userId", "projectId") values ('l', $1, $2)"#,
        &[&ada.id, &id],
    )
    .await;
    let mut callers = vec![("nobody", app.anyone())];
    for role in ["user", "moderator", "admin", "user,admin"] {
        let caller = app.user("other").await;
        sql(
            &db,
            r#"update "user" set role = $2 where id = $1"#,
            &[&caller.id, role],
        )
        .await;
        callers.push((role, caller));
    }

    for (role, caller) in &callers {
        for route in projects::api().routes() {
            let path = route.rules.path.replace("{projectId}", &id);
            // Routes of files are tested in `uploads`.
            if !route.rules.path.contains("{projectId}") {
                continue;
            }
            let body = (route.rules.method != Method::GET).then(|| json!({}));
            let answer = caller.send(route.rules.method.clone(), &path, body).await;
            if *role == "nobody" && matches!(route.rules.access, shared::http::Access::Session) {
                answer.expect(401);
            } else {
                answer.expect_error(404, &["Project not found"]);
            }
        }
        for sort in [
            "newest",
            "updated",
            "likes",
            "comments",
            "views",
            "trending",
            "relevance",
        ] {
            for filter in [
                String::new(),
                format!("&author={}", ada.id),
                format!("&likedBy={}", ada.id),
                "&q=unique".to_owned(),
                "&tag=unique".to_owned(),
                "&isPublic=false".to_owned(),
            ] {
                let list = caller
                    .get(&format!("/projects?sort={sort}{filter}"))
                    .await
                    .expect(200)
                    .json();
                assert!(each(&list, "id").is_empty(), "{role} {sort}{filter}");
            }
        }
        let facets = caller
            .get("/projects/facets?isPublic=true")
            .await
            .expect(200);
        assert!(!facets.text().to_lowercase().contains("unique"), "{role}");
    }
    assert_eq!(
        number(&db, r#"select "viewCount"::int8 from projects"#, &[]).await,
        0
    );
    ada.get(&format!("/projects/{id}")).await.expect(200);
}

#[testkit::test]
async fn deactivated_callers_read_as_anonymous_ones_and_cannot_write(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let id = create(&ada, json!({ "title": "A", "isPublic": false })).await;
    sql(
        &db,
        r#"update "user" set "isActive" = false where id = $1"#,
        &[&ada.id],
    )
    .await;

    let path = format!("/projects/{id}");
    ada.get(&path).await.expect(404);
    assert_eq!(
        ada.get(&format!("/projects?author={}", ada.id))
            .await
            .expect(200)
            .json(),
        json!([])
    );
    for answer in [
        ada.post("/projects", json!({ "title": "B" })).await,
        ada.put(&path, json!({})).await,
        ada.delete(&path).await,
    ] {
        answer.expect_error(403, &["Account is deactivated"]);
    }
}
