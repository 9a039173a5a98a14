//! Rules for names and images, enforced for every writer.

use provider::Person;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{Stage, admin::act};

const UPDATE: &str = "/api/auth/update-user";

fn bad_names() -> Vec<String> {
    vec![
        String::new(),
        " \t ".to_owned(),
        "A".repeat(256),
        "A".repeat(1_000_000),
        "a\u{7}b".to_owned(),
        "a\nb".to_owned(),
        "a\u{85}b".to_owned(),
        "a\u{202e}b".to_owned(),
        "a\u{2066}b".to_owned(),
    ]
}

fn bad_images() -> Vec<String> {
    vec![
        String::new(),
        "javascript:alert(1)".to_owned(),
        "data:image/png;base64,AAAA".to_owned(),
        "//pictures.example.com/1".to_owned(),
        "/1.png".to_owned(),
        "https:pictures.example.com".to_owned(),
        "https:///pictures.example.com".to_owned(),
        "https://pictures.example.com/a b".to_owned(),
        format!("https://pictures.example.com/{}", "x".repeat(2048)),
    ]
}

#[testkit::test]
async fn names_and_images_that_break_the_rules_are_rejected(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.with_role("ada", "admin").await;
    let bob = stage.person("bob").await;
    let before = stage.user(&bob.id).await;

    let names = bad_names().into_iter().map(|name| ("name", name));
    let images = bad_images().into_iter().map(|image| ("image", image));
    for (field, value) in names.chain(images) {
        let shown: String = value.chars().take(40).collect();
        let own = bob.post(UPDATE, json!({ field: value })).await;
        let data = json!({ field: value });
        let body = json!({ "userId": bob.id, "data": data });
        let by_admin = act(&ada, "update-user", body).await;
        let new = json!({ "email": "x@y.example", "name": "X", "data": data });
        let new = match field {
            "name" => json!({ "email": "x@y.example", "name": value }),
            _ => new,
        };
        for answer in [own, by_admin, act(&ada, "create-user", new).await] {
            let answer = answer.expect(400);
            assert_eq!(answer.json()["code"], "VALIDATION_ERROR", "{shown:?}");
        }
    }

    assert_eq!(stage.user(&bob.id).await, before);
    assert_eq!(stage.count(r#""user""#).await, 2);
}

#[testkit::test]
async fn a_name_is_trimmed(db: PgPool) {
    let stage = Stage::new(db).await;
    let bob = stage.person("bob").await;
    let longest = "é".repeat(255);

    for (name, stored) in [("  Bob  ", "Bob"), (&longest, &longest)] {
        bob.post(UPDATE, json!({ "name": name })).await.expect(200);
        assert_eq!(stage.user(&bob.id).await["name"], stored);
    }
}

#[testkit::test]
async fn a_providers_name_is_truncated_and_an_invalid_image_is_dropped(db: PgPool) {
    let stage = Stage::new(db).await;
    let name = format!("\u{202e}Ada\n{}", "a".repeat(1000));
    for service in ["github", "google"] {
        let mut person = Person::new(service).name(&name);
        person.avatar = Some(format!("https://pictures.example.com/{}", "x".repeat(3000)));
        let person = stage.provider.register(person);
        let mut browser = stage.browser();
        let answer = browser.sign_in(&stage.provider, service, &person).await;

        assert_eq!(answer.header("location"), "/home", "{answer:?}");
        let user = browser.session().await["user"].clone();
        assert_eq!(user["name"], format!("Ada{}", "a".repeat(252)));
        assert_eq!(user["image"], Value::Null);
    }
}

#[testkit::test]
async fn the_database_enforces_the_rules(db: PgPool) {
    let stage = Stage::new(db).await;
    let bob = stage.person("bob").await;
    let set = async |column: &str, value: &str| {
        let sql = format!(r#"update "user" set {column} = $2 where id = $1"#);
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&bob.id)
            .bind(value)
            .execute(&stage.db)
            .await
    };

    // A provider may send no name, so the database accepts an empty one.
    let names = bad_names()
        .into_iter()
        .filter(|name| !name.trim().is_empty());
    for name in names {
        assert!(set("name", &name).await.is_err(), "{name:?}");
    }
    for image in bad_images() {
        assert!(set("image", &image).await.is_err(), "{image:?}");
    }
    for name in ["", "Bob", "हिन्दी", "a\u{200f}b"] {
        set("name", name).await.unwrap();
    }
    for image in ["https://pictures.example.com/ä", "HTTP://[::1]/"] {
        set("image", image).await.unwrap();
        bob.post(UPDATE, json!({ "image": image }))
            .await
            .expect(200);
    }
}
