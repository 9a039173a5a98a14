//! `GET /users`: filters and terms.

use serde_json::json;
use shared::db::measured;
use sqlx::PgPool;
use testing::{App, Caller};

use crate::{HIDDEN, SHOWN, app, each, follow, sql};

/// Inserts users `u1`, `u2`, … from name, GitHub name, skills and location. Returns them with a caller.
async fn people(db: &PgPool, people: &[(&str, &str, &str, &str)]) -> (App, Caller) {
    let app = app(db);
    let caller = app.user("searcher").await;
    for (index, (name, github, skills, location)) in people.iter().enumerate() {
        let id = format!("u{}", index + 1);
        app.insert_user(&id, name).await;
        sql(
            db,
            r#"update "user" set "githubUsername" = nullif($2, ''), skills = $3::text[], location = nullif($4, ''),
                   "createdAt" = '2025-01-01' where id = $1"#,
            &[&id, github, skills, location],
        )
        .await;
    }
    (app, caller)
}

async fn found(caller: &Caller, query: &str) -> Vec<String> {
    let answer = caller
        .get(&format!("/users?limit=100&{query}"))
        .await
        .expect(200);
    let mut ids: Vec<String> = each(&answer.json(), "id")
        .into_iter()
        .map(str::to_owned)
        .collect();
    ids.retain(|id| *id != caller.id);
    ids.sort();
    ids
}

#[testkit::test]
async fn the_list_is_public_users_newest_first(db: PgPool) {
    let app = app(&db);
    let ada = app.user("ada").await;
    let bob = app.user("bob").await;
    sql(
        &db,
        r#"update "user" set "createdAt" = '2030-01-01' where id = $1"#,
        &[&bob.id],
    )
    .await;
    follow(&db, &ada.id, &bob.id).await;

    let (answer, usage) = measured(ada.get("/users")).await;
    let answer = answer.expect(200);

    assert_eq!(usage.statements, 2);
    assert_eq!(each(&answer.json(), "id"), [&bob.id, &ada.id]);
    assert_eq!(
        answer.json()[0],
        ada.get(&format!("/users/{}", bob.id)).await.json()
    );
    assert_eq!(answer.json()[0]["isFollowing"], true);
    assert!(!answer.text().contains('@'));
    assert_eq!(answer.header("link"), "");
}

#[testkit::test]
async fn deactivated_and_banned_users_are_left_out(db: PgPool) {
    let (_, caller) = people(
        &db,
        &[
            ("Ann N", "ann", "{Rust}", "Oslo"),
            ("Ben N", "ben", "{Rust}", "Oslo"),
        ],
    )
    .await;

    for (hide, show) in HIDDEN.iter().zip(SHOWN) {
        for query in [
            "",
            "q=n",
            "skill=rust",
            "location=oslo",
            "sort=followers",
            "sort=suggested",
        ] {
            sql(&db, hide, &["u1"]).await;
            assert_eq!(found(&caller, query).await, ["u2"], "{query} {hide}");
            sql(&db, show, &["u1"]).await;
            assert_eq!(found(&caller, query).await, ["u1", "u2"], "{query} {show}");
        }
    }
}

#[testkit::test]
async fn every_term_must_occur_somewhere(db: PgPool) {
    let (_, caller) = people(
        &db,
        &[
            (
                "Grace Hopper",
                "amazing",
                "{COBOL,\"Machine Code\"}",
                "Arlington",
            ),
            ("Grace Kelly", "", "{}", "Monaco"),
            ("Søren ÅSTRÖM", "soren", "{Rust}", ""),
        ],
    )
    .await;

    for (query, expected) in [
        ("q=grace", vec!["u1", "u2"]),
        ("q=GRACE+cobol", vec!["u1"]),
        ("q=++cobol%09grace%0A", vec!["u1"]),
        ("q=ace+opp", vec!["u1"]),
        ("q=gr+ho", vec!["u1"]),
        // A term of one or two letters matches only at the start of a word.
        ("q=ace+op", vec![]),
        ("q=amaz", vec!["u1"]),
        ("q=chine", vec!["u1"]),
        ("q=%C3%A5str%C3%B6m", vec!["u3"]),
        ("q=S%C3%98REN", vec!["u3"]),
        ("q=grace+rust", vec![]),
        // Neither location nor e-mail address is searched, and no match spans two fields.
        ("q=monaco", vec![]),
        ("q=test.example", vec![]),
        ("q=%40", vec![]),
        ("q=kellyrust", vec![]),
        ("q=a+b+c+d+e+f+g+h", vec![]),
    ] {
        assert_eq!(found(&caller, query).await, expected, "{query}");
    }
}

#[testkit::test]
async fn wildcards_are_literal(db: PgPool) {
    let (_, caller) = people(
        &db,
        &[
            ("100% real", "", "{}", "50% up"),
            ("under_score", "", "{}", "a_b"),
            (r"back\slash", "", "{}", r"c:\d"),
            ("plain", "", "{}", "acb"),
        ],
    )
    .await;

    for (query, expected) in [
        ("q=%25", vec!["u1"]),
        ("q=0%25", vec!["u1"]),
        ("q=_", vec!["u2"]),
        ("q=r_s", vec!["u2"]),
        ("q=%5C", vec!["u3"]),
        ("q=k%5Cs", vec!["u3"]),
        ("q=%5C%25", vec![]),
        ("location=%25", vec!["u1"]),
        ("location=A_B", vec!["u2"]),
        ("location=%5C", vec!["u3"]),
        ("location=acb", vec!["u4"]),
    ] {
        assert_eq!(found(&caller, query).await, expected, "{query}");
    }
}

#[testkit::test]
async fn all_skills_must_match_and_location_is_a_substring(db: PgPool) {
    let (_, caller) = people(
        &db,
        &[
            ("a", "", "{Rust,Go,\"C++\"}", "Toronto, CA"),
            ("b", "", "{RUST}", "toronto"),
            ("c", "", "{Rusty}", "Berlin"),
            ("d", "", "{null_,rust}", ""),
        ],
    )
    .await;
    sql(
        &db,
        r#"update "user" set skills = null where id = $1"#,
        &["u3"],
    )
    .await;

    for (query, expected) in [
        ("skill=rust", vec!["u1", "u2", "u4"]),
        ("skill=rust&skill=GO", vec!["u1"]),
        ("skill=c%2B%2B", vec!["u1"]),
        ("skill=rus", vec![]),
        ("skill=rust&location=TORONTO", vec!["u1", "u2"]),
        ("location=onto%2C", vec!["u1"]),
        ("location=", vec!["u1", "u2", "u3", "u4"]),
        ("skill=rust&q=a&location=ca", vec!["u1"]),
        ("unknown=1", vec!["u1", "u2", "u3", "u4"]),
    ] {
        assert_eq!(found(&caller, query).await, expected, "{query}");
    }
}

#[testkit::test]
async fn the_query_is_validated(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let long = |n: usize| "%C3%BC".repeat(n);
    let skills = |n: usize| "skill=x&".repeat(n);

    for query in [
        format!("q={}", long(100)),
        format!("location={}", long(100)),
        skills(10),
        "limit=1".to_owned(),
        "limit=100".to_owned(),
        "limit=x&limit=2".to_owned(),
        "sort=best&sort=followers".to_owned(),
        "q=1+2+3+4+5+6+7+8".to_owned(),
    ] {
        ada.get(&format!("/users?{query}")).await.expect(200);
    }
    for (query, message) in [
        (
            format!("q={}", long(101)),
            "q must be shorter than or equal to 100 characters",
        ),
        ("q=".to_owned(), "q should not be empty"),
        ("q=+%09".to_owned(), "q should not be empty"),
        (
            "q=1+2+3+4+5+6+7+8+9".to_owned(),
            "q must contain no more than 8 terms",
        ),
        (
            format!("location={}", long(101)),
            "location must be shorter than or equal to 100 characters",
        ),
        (skills(11), "skill must contain no more than 10 elements"),
        (
            "skill=".to_owned(),
            "each value in skill should not be empty",
        ),
        ("limit=0".to_owned(), "limit must not be less than 1"),
        ("limit=101".to_owned(), "limit must not be greater than 100"),
        ("limit=x".to_owned(), "limit must be an integer number"),
        ("limit=1.5".to_owned(), "limit must be an integer number"),
        (
            "limit=99999999999999999999".to_owned(),
            "limit must be an integer number",
        ),
        ("limit=".to_owned(), "limit must be an integer number"),
        (
            "sort=best".to_owned(),
            "sort must be one of the following values: newest, followers, suggested",
        ),
        ("q=a%00".to_owned(), "q must not contain NUL characters"),
        ("x=%00".to_owned(), "x must not contain NUL characters"),
        ("cursor=".to_owned(), "cursor must be a valid cursor"),
    ] {
        ada.get(&format!("/users?{query}"))
            .await
            .expect_error(400, &[message]);
    }
    let answer = ada.get("/users?limit=0&sort=x&q=&cursor=x").await;
    assert_eq!(
        answer.expect(400).json()["message"],
        json!([
            "q should not be empty",
            "sort must be one of the following values: newest, followers, suggested",
            "limit must not be less than 1",
            "cursor must be a valid cursor",
        ])
    );
}

/// Frequent terms fill a page from the first users of the order. An index finds rare terms.
#[testkit::test]
async fn terms_of_signs_and_short_words_are_found_at_any_depth(db: PgPool) {
    let app = app(&db);
    let caller = app.user("searcher").await;
    sql(
        &db,
        r#"insert into "user" (id, name, email, skills, "followersCount", "createdAt", "updatedAt")
           select 'u' || i, 'u', 'u' || i,
               case when i % 2 = 0 then '{C++}'::text[] when i in (1101, 1301, 1401) then '{Zq}'::text[] else '{}' end,
               2000 - i, timestamp '2025-01-01' - interval '1 minute' * i, now()
           from generate_series(1, 1500) i"#,
        &[],
    )
    .await;
    for sort in ["newest", "followers"] {
        for (term, expected) in [
            ("c%2B%2B", (1..=750).map(|i| 2 * i).collect::<Vec<_>>()),
            ("zq", vec![1101, 1301, 1401]),
        ] {
            let mut found = Vec::new();
            let mut next = Some(format!("/users?q={term}&sort={sort}&limit=90"));
            while let Some(path) = next {
                let answer = caller.get(&path).await.expect(200);
                found.extend(
                    each(&answer.json(), "id")
                        .into_iter()
                        .map(|id| id[1..].parse::<i32>().unwrap()),
                );
                let link = answer.header("link");
                next = link
                    .split(['<', '>'])
                    .nth(1)
                    .map(|query| format!("/users{query}"));
            }
            assert_eq!(found, expected, "{term} by {sort}");
        }
    }
}
