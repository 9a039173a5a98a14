//! Counts of skills and locations that triggers keep, and searches for words that no index of trigrams finds.

use serde_json::json;
use sqlx::PgPool;
use testing::each;

use crate::app;

/// Changes of a user, `$1`.
const EVENTS: [&str; 12] = [
    r#"insert into "user" (id, name, email, skills, location, "updatedAt")
       values ($1, 'U', $1, array['Rust', 'C++', $1], 'Oslo', now()) on conflict do nothing"#,
    r#"insert into "user" (id, name, email, skills, "updatedAt") values ($1, 'U', $1, null, now()) on conflict do nothing"#,
    r#"update "user" set skills = array['rust', 'Go'], location = 'oslo' where id = $1"#,
    r#"update "user" set skills = null, location = null where id = $1"#,
    r#"update "user" set skills = array[repeat('x', 300), ''], location = '' where id = $1"#,
    r#"update "user" set "isActive" = not "isActive" where id = $1"#,
    r#"update "user" set banned = not coalesce(banned, false) where id = $1"#,
    r#"update "user" set banned = true, "banExpires" = now() at time zone 'utc' - interval '1 minute' where id = $1"#,
    r#"update "user" set banned = null, "isActive" = true where id <> $1"#,
    r#"update "user" set location = 'Rome', "isActive" = false, skills = array['Go'] where id = $1"#,
    r#"delete from "user" where id = $1"#,
    r#"delete from "user" where id in ($1, 'u1')"#,
];

#[testkit::test]
async fn kept_skills_and_locations_are_those_of_the_users(db: PgPool) {
    // Its connections compile nothing, which would take most of the time.
    let db = app(&db).state.db.clone();
    let mut state: u64 = 17;
    let mut below = |bound: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from((state >> 33) % bound).unwrap()
    };
    for step in 0..300 {
        let event = EVENTS[below(12)];
        let user = format!("u{}", below(6));
        sqlx::query(event).bind(&user).execute(&db).await.unwrap();
        let drift: i64 = sqlx::query_scalar(
            r#"select count(*)
               from (
                   (table "userFacet" except select * from counted_user_facets())
                   union all
                   (select * from counted_user_facets() except table "userFacet")
               ) facet"#,
        )
        .fetch_one(&db)
        .await
        .unwrap();
        assert_eq!(drift, 0, "{step}: {event} of {user}");
    }
}

#[testkit::test]
async fn short_words_and_signs_are_found(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    for (name, skill) in [
        ("bob", "C++"),
        ("eve", "C#"),
        ("jin", "日本語"),
        ("gil", "Go"),
        ("mo", "mongo"),
    ] {
        let user = app.user(name).await;
        user.put("/users/profile", json!({ "skills": [skill] }))
            .await
            .expect(200);
    }
    for (q, skills) in [
        ("c%2B%2B", vec!["C++"]),
        ("c%23", vec!["C#"]),
        ("%E6%97%A5%E6%9C%AC", vec!["日本語"]),
        ("go", vec!["Go"]),
        ("zq", vec![]),
        ("go+zq", vec![]),
    ] {
        for sort in ["newest", "followers", "suggested"] {
            let list = ada
                .get(&format!("/users?q={q}&sort={sort}"))
                .await
                .expect(200)
                .json();
            let found: Vec<&str> = list
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["skills"][0].as_str().unwrap())
                .collect();
            assert_eq!(found, skills, "{q} by {sort}");
            assert_eq!(each(&list, "id").len(), skills.len());
        }
    }
}
