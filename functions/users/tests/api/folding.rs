//! Comparisons that ignore case: users are found by every spelling of their texts.

use serde_json::json;
use shared::uri_component;
use sqlx::PgPool;
use testing::Caller;

use crate::{app, each, sql};

async fn finds(caller: &Caller, query: &str, id: &str) -> bool {
    let list = caller.get(&format!("/users?limit=100&{query}")).await;
    each(&list.expect(200).json(), "id").contains(&id)
}

#[testkit::test]
async fn people_are_found_by_every_spelling(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;

    for (word, spellings) in [
        ("ΜΎΘΟΣ", ["μύθος", "μύθοσ", "ΜΥ\u{301}ΘΟΣ"]),
        ("μύθος", ["ΜΎΘΟΣ", "μύθοσ", "Μύθος"]),
        ("İstanbul", ["istanbul", "i\u{307}stanbul", "İSTANBUL"]),
        ("cafe\u{301}", ["CAFÉ", "café", "CAFE\u{301}"]),
        ("हिन्दी", ["हिन्दी", "हिन", "हिन्द"]),
        ("Ångström", ["ÅNGSTRÖM", "a\u{30a}ngstro\u{308}m", "Å"]),
    ] {
        let body = json!({"name": word, "location": format!("In {word}"), "skills": [word]});
        ada.put("/users/profile", body).await.expect(200);
        let github = r#"update "user" set "githubUsername" = $2 where id = $1"#;
        sql(&db, github, &[&ada.id, word]).await;

        for spelling in spellings.iter().chain([&word]) {
            let encoded = uri_component::encode(spelling);
            for name in ["q", "location"] {
                for sort in ["newest", "followers"] {
                    let query = format!("{name}={encoded}&sort={sort}");
                    assert!(
                        finds(&ada, &query, &ada.id).await,
                        "{word} {spelling} {query}"
                    );
                }
            }
            let facets = ada.get(&format!("/users/facets?prefix={encoded}")).await;
            let names = facets.expect(200).json();
            assert!(!each(&names["skills"], "name").is_empty(), "{spelling}");
            if !["हिन", "हिन्द", "Å"].contains(spelling) {
                assert!(
                    finds(&ada, &format!("skill={encoded}"), &ada.id).await,
                    "{spelling}"
                );
                let path = format!("/users/by-github/{encoded}");
                assert_eq!(ada.get(&path).await.expect(200).json()["id"], ada.id);
            }
        }
    }
}

#[testkit::test]
async fn short_terms_match_at_the_start_of_a_word_only(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    for (id, name) in [("u1", "Margo Dingo"), ("u2", "Go Fish"), ("u3", "x-gogh")] {
        app.insert_user(id, name).await;
    }

    for (query, expected) in [
        ("q=go", vec!["u2", "u3"]),
        ("q=go&sort=followers", vec!["u2", "u3"]),
        ("q=go&sort=suggested", vec!["u2", "u3"]),
        ("q=go+fi", vec!["u2"]),
        ("q=go+ish", vec!["u2"]),
        ("q=rgo", vec!["u1"]),
    ] {
        let list = ada.get(&format!("/users?{query}")).await.expect(200).json();
        let mut ids = each(&list, "id");
        ids.sort_unstable();
        assert_eq!(ids, expected, "{query}");
    }
}

#[testkit::test]
async fn skills_that_differ_in_folding_only_are_stored_once(db: PgPool) {
    let ada = app(&db).user("ada").await;

    let body =
        json!({"skills": ["ΜΎΘΟΣ", "μύθος", "cafe\u{301}", "CAFÉ", "Rust"], "name": "Zoe\u{308}"});
    let user = ada.put("/users/profile", body).await.expect(200).json();

    assert_eq!(user["skills"], json!(["ΜΎΘΟΣ", "café", "Rust"]));
    assert_eq!(user["name"], "Zoë");
}
