//! Which callers see a project, by operation and visibility.

use axum::http::Method;
use sqlx::PgPool;

use crate::bundle::{Bundle, Operation, Somebody};

/// A word in every text of an invisible project. Requests search for it, and their responses may repeat it.
const SECRET: &str = "zyzzyva";
/// Another word in these texts, which no request contains.
const HIDDEN: &str = "qwxz";

/// Parameters that name a project or something under it.
const THINGS: [&str; 3] = ["projectId", "commentId", "uploadId"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visibility {
    Public,
    Private,
    /// Public, but its author is deactivated.
    Hidden,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anybody,
    Other,
    Moderator,
    Admin,
    Author,
}

/// Inserts a project of `author` with a comment and a file. Replaces the previous project, which an operation may have
/// changed or deleted.
async fn make(db: &PgPool, visibility: Visibility) {
    let (word, text) = if visibility == Visibility::Public {
        ("plain", "plain".to_owned())
    } else {
        (SECRET, format!("{SECRET} {HIDDEN}"))
    };
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        r#"
        delete from projects;
        insert into projects (id, title, description, content, tags, language, "isPublic", "updatedAt", "authorId")
        values ('p', '{text}', '{text}', '{text}', '{{{word}}}', '{word}', {is_public}, now() at time zone 'utc', 'author');
        insert into comments (id, content, "updatedAt", "authorId", "projectId")
        values ('c', '{text}', now() at time zone 'utc', 'author', 'p');
        insert into likes (id, "userId", "projectId") values ('l', 'author', 'p');
        insert into upload (id, "userId", "projectId", purpose, filename, "contentType", size, status, "updatedAt")
        values ('f', 'author', 'p', 'project', '{text}', 'image/png', 1, 'ready', now() at time zone 'utc');
        update "user" set "isActive" = (id <> 'author' or {is_active});
        "#,
        is_public = visibility != Visibility::Private,
        is_active = visibility != Visibility::Hidden,
    )))
    .execute(db)
    .await
    .unwrap();
}

async fn people(db: &PgPool, bundle: &Bundle) -> Vec<(Who, Somebody)> {
    sqlx::raw_sql(
        r#"
        insert into "user" (id, name, email, "emailVerified", "updatedAt", "githubUsername", role)
        select who, initcap(who), who || '@test.example', true, now() at time zone 'utc', who,
            case when who in ('moderator', 'admin') then who else 'user' end
        from unnest(array['author', 'other', 'moderator', 'admin']) who;
        insert into follows (id, "followerId", "followingId")
        select who, who, 'author' from unnest(array['other', 'moderator', 'admin']) who;
        "#,
    )
    .execute(db)
    .await
    .unwrap();
    vec![
        (Who::Anybody, bundle.anyone()),
        (Who::Other, bundle.session("other").await),
        (Who::Moderator, bundle.session("moderator").await),
        (Who::Admin, bundle.session("admin").await),
        (Who::Author, bundle.session("author").await),
    ]
}

/// The expected response.
#[derive(Debug)]
enum Expected {
    Status(u16),
    /// Any status except 400 to 404.
    Served,
}

fn expected(operation: &Operation, who: Who, visibility: Visibility) -> Expected {
    use Expected::{Served, Status};
    // The path names the object itself, not something below it.
    let on_thing = THINGS
        .iter()
        .any(|thing| operation.path.ends_with(&format!("{{{thing}}}")));
    match (who, visibility) {
        (Who::Anybody, _) if !operation.public => Status(401),
        (Who::Author, Visibility::Hidden) if !operation.public => Status(403),
        (Who::Author, Visibility::Public | Visibility::Private) => Served,
        (_, Visibility::Private | Visibility::Hidden) => Status(404),
        (Who::Other | Who::Moderator | Who::Admin, _) if operation.id == "completeUpload" => {
            Status(403)
        }
        (Who::Other, _) if on_thing && operation.method != Method::GET => Status(403),
        (Who::Moderator | Who::Admin, _) if on_thing && operation.method == Method::PUT => {
            Status(403)
        }
        _ => Served,
    }
}

#[testkit::test]
async fn a_project_is_visible_only_to_permitted_callers(db: PgPool) {
    let bundle = Bundle::new(&db);
    let people = people(&db, &bundle).await;
    let values = [("projectId", "p"), ("commentId", "c"), ("uploadId", "f")];
    let mut seen = 0;
    for operation in bundle.operations() {
        if !THINGS.iter().any(|thing| operation.takes(thing)) {
            continue;
        }
        for visibility in [Visibility::Public, Visibility::Private, Visibility::Hidden] {
            for (who, somebody) in &people {
                make(&db, visibility).await;

                let answer = bundle
                    .send(somebody, &operation, &operation.filled(&values))
                    .await;

                let status = answer.status.as_u16();
                let expected = expected(&operation, *who, visibility);
                let right = match expected {
                    Expected::Status(expected) => status == expected,
                    Expected::Served => !matches!(status, 400..=404),
                };
                assert!(
                    right,
                    "{} by {who:?} of a {visibility:?} project: expected {expected:?}, got {answer:?}",
                    operation.id
                );
                seen += 1;
            }
        }
    }
    println!("measured: tried {seen} cases of a private project");
    assert!(seen >= 10 * 15, "only {seen} cases");
}

#[testkit::test]
async fn no_list_or_page_contains_an_invisible_project(db: PgPool) {
    let bundle = Bundle::new(&db);
    let people = people(&db, &bundle).await;
    let values = [("userId", "author"), ("githubUsername", "author")];
    for visibility in [Visibility::Private, Visibility::Hidden] {
        make(&db, visibility).await;
        for operation in bundle.operations() {
            let about_a_thing = THINGS.iter().any(|thing| operation.takes(thing));
            if operation.method != Method::GET || about_a_thing {
                continue;
            }
            let path = operation.filled(&values);
            let mut paths = vec![path.clone()];
            for query in operation.queries() {
                for value in ["author", SECRET, "false"] {
                    paths.push(format!("{path}?{query}={value}"));
                }
            }
            for (who, somebody) in &people {
                if *who == Who::Author {
                    continue;
                }
                for path in &paths {
                    let answer = bundle.send(somebody, &operation, path).await;
                    let text = format!("{:?}{}", answer.headers, answer.text());
                    let asked = path.contains(SECRET);
                    let told = text.contains(HIDDEN) || (text.contains(SECRET) && !asked);
                    assert!(!told, "{path} shows the project to {who:?}: {answer:?}");
                }
            }
        }
    }
}
