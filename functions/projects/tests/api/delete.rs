//! `DELETE /projects/{projectId}`

use sqlx::PgPool;

use crate::{HIDDEN, app, comment, draft, like, number, project, sql};

#[testkit::test]
async fn a_project_is_deleted_with_its_comments_likes_and_files(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let id = project(&ada, "A").await;
    let kept = project(&ada, "B").await;
    let private = draft(&ada, "C").await;
    for project in [&id, &kept] {
        like(&db, &bob.id, project).await;
        comment(&db, &bob.id, project).await;
        bob.post(&format!("/projects/{project}/views"), serde_json::json!({}))
            .await
            .expect(204);
    }

    ada.delete(&format!("/projects/{id}")).await.expect(204);
    ada.delete(&format!("/projects/{id}"))
        .await
        .expect_error(404, &["Project not found"]);
    ada.get(&format!("/projects/{id}")).await.expect(404);
    ada.delete(&format!("/projects/{private}"))
        .await
        .expect(204);

    for rows in [
        "select count(*) from likes",
        "select count(*) from comments",
        r#"select count(*) from "projectView""#,
    ] {
        assert_eq!(number(&db, rows, &[]).await, 1, "{rows}");
    }
    let count = r#"select "projectsCount"::int8 from "user" where id = $1"#;
    assert_eq!(number(&db, count, &[&ada.id]).await, 1);
}

#[testkit::test]
async fn only_the_author_and_staff_may_delete(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);

    let id = project(&ada, "A").await;
    app.anyone()
        .delete(&format!("/projects/{id}"))
        .await
        .expect(401);
    bob.delete(&format!("/projects/{id}"))
        .await
        .expect_error(403, &["You can only delete your own projects"]);
    for role in ["moderator", "admin"] {
        let (public, private) = (project(&ada, "A").await, draft(&ada, "B").await);
        sql(
            &db,
            r#"update "user" set role = $2 where id = $1"#,
            &[&bob.id, role],
        )
        .await;
        bob.delete(&format!("/projects/{private}"))
            .await
            .expect_error(404, &["Project not found"]);
        bob.delete(&format!("/projects/{public}")).await.expect(204);
        assert_eq!(
            number(
                &db,
                "select count(*) from projects where id = $1",
                &[&public]
            )
            .await,
            0
        );
        assert_eq!(
            number(
                &db,
                "select count(*) from projects where id = $1",
                &[&private]
            )
            .await,
            1
        );
    }
    let count = r#"select "projectsCount"::int8 from "user" where id = $1"#;
    assert_eq!(number(&db, count, &[&ada.id]).await, 1);

    sql(&db, HIDDEN[0], &[&ada.id]).await;
    bob.delete(&format!("/projects/{id}")).await.expect(404);
}
