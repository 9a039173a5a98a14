//! A resource that several groups return has the same fields in each.

use serde_json::{Value, json};
use sqlx::PgPool;
use testing::App;

use crate::{app, comment, project, sql};

/// Sets the columns of a user that need a value of their own.
const FILL: &str = r#"
    update "user" set image = 'https://example.com/image.png', avatar = 'https://example.com/avatar.png', bio = 'Analyst',
        website = 'https://example.com', location = 'London', company = 'Example', skills = '{Rust,SQL}',
        "githubUsername" = 'bob-on-github', "isPro" = true
    where id = $1"#;

/// Sets every other text of every user, so that a new field of a response is compared, too.
const FILL_OTHERS: &str = r#"
    do $$
    declare
        other text;
    begin
        for other in
            select column_name from information_schema.columns
            where table_schema = 'public' and table_name = 'user' and data_type = 'text' and is_nullable = 'YES'
        loop
            execute format('update "user" set %1$I = coalesce(%1$I, ''https://filled.example'')', other);
        end loop;
    end
    $$"#;

#[testkit::test]
async fn a_public_user_is_the_same_in_every_response(db: PgPool) {
    let social = app(&db);
    let (ada, bob) = (social.user("ada").await, social.user("bob").await);
    sql(&db, FILL, &[&bob.id]).await;
    sql(&db, FILL_OTHERS, &[]).await;
    project(&db, "p1", &ada.id, true).await;
    bob.put("/projects/p1/like", json!({})).await.expect(200);
    for (follower, followed) in [(&ada, &bob), (&bob, &ada)] {
        let path = format!("/users/{}/follow", followed.id);
        follower.put(&path, json!({})).await.expect(200);
    }
    let users = App::new(users::api(), db.clone()).session(&ada.id).await;

    let user = users.get(&format!("/users/{}", bob.id)).await.expect(200);

    let fields = user.json();
    for (name, value) in fields.as_object().expect("an object") {
        assert!(!value.is_null(), "{name}");
    }
    let others = [
        users.get("/users/by-github/bob-on-github").await,
        users.get("/users?q=bob-on-github").await,
        users.get("/users?q=bob-on-github&sort=followers").await,
        ada.get(&format!("/users/{}/followers", ada.id)).await,
        ada.get(&format!("/users/{}/following", ada.id)).await,
        ada.get("/projects/p1/likes").await,
    ];
    for other in others {
        let text = other.expect(200).text();
        let text = text.trim_start_matches('[').trim_end_matches(']');
        assert_eq!(text, user.text());
    }
}

#[testkit::test]
async fn an_author_and_a_project_are_the_same_in_every_response(db: PgPool) {
    let social = app(&db);
    let (ada, bob) = (social.user("ada").await, social.user("bob").await);
    sql(&db, FILL, &[&bob.id]).await;
    project(&db, "of-ada", &ada.id, true).await;
    project(&db, "of-bob", &bob.id, true).await;
    ada.put(&format!("/users/{}/follow", bob.id), json!({}))
        .await
        .expect(200);
    let comment = comment(&bob, "of-ada", "Hello").await;
    let users = App::new(users::api(), db.clone()).session(&ada.id).await;
    let projects = App::new(projects::api(), db.clone()).session(&ada.id).await;
    let user = users.get(&format!("/users/{}", bob.id)).await.expect(200);
    let user = user.json();

    let list = projects.get(&format!("/projects?author={}", bob.id)).await;
    let list = list.expect(200);

    assert_eq!(ada.get("/feed").await.expect(200).text(), list.text());
    let summary = &list.json()[0];
    let whole = projects.get("/projects/of-bob").await.expect(200).json();
    assert_same_fields(summary, &whole);
    let author = &summary["author"];
    assert_same_fields(author, &user);
    let comment = ada.get(&format!("/comments/{comment}")).await.expect(200);
    let comments = ada.get("/projects/of-ada/comments").await.expect(200);
    let notifications = ada.get("/notifications?type=comment").await.expect(200);
    let others = [
        &whole["author"],
        &comment.json()["author"],
        &comments.json()[0]["author"],
        &notifications.json()[0]["actor"],
    ];
    for other in others {
        assert_eq!(other, author);
    }
}

/// Asserts that every field of `part` has the same value in `whole`.
fn assert_same_fields(part: &Value, whole: &Value) {
    for (name, value) in part.as_object().expect("an object") {
        assert_eq!(whole.get(name), Some(value), "{name}");
    }
}
