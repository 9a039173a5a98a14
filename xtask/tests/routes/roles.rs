//! Checks each row of the contract's table of roles.

use axum::http::Method;
use serde_json::{Value, json};
use shared::api_key::hash;
use sqlx::PgPool;
use testing::{Caller, Log};
use tracing::Level;

use crate::bundle::{Bundle, Somebody};

/// The author of the projects, a user who commented on both, another user, and staff.
const PEOPLE: [&str; 5] = ["author", "guest", "other", "moderator", "admin"];

/// Replaces all rows by the same users, projects and comments.
async fn set_up(db: &PgPool) {
    sqlx::raw_sql(
        r#"
        delete from projects;
        delete from "user";
        insert into "user" (id, name, email, "emailVerified", "updatedAt", role)
        select who, who, who || '@test.example', true, now() at time zone 'utc',
            case when who in ('moderator', 'admin') then who else 'user' end
        from unnest(array['author', 'guest', 'other', 'moderator', 'admin']) who;
        insert into projects (id, title, "isPublic", "updatedAt", "authorId")
        select id, id, id = 'public', now() at time zone 'utc', 'author'
        from unnest(array['public', 'private']) id;
        insert into comments (id, content, "updatedAt", "authorId", "projectId")
        select 'in-' || id, 'x', now() at time zone 'utc', 'guest', id
        from unnest(array['public', 'private']) id;
        "#,
    )
    .execute(db)
    .await
    .unwrap();
}

/// A request to a function.
struct Act {
    function: &'static str,
    method: Method,
    path: &'static str,
    body: Option<Value>,
}

impl Act {
    async fn by(&self, somebody: &Somebody) -> u16 {
        let caller: &Caller = somebody.at(self.function);
        let caller = caller.clone().header("origin", "http://localhost:3000");
        let answer = caller
            .send(self.method.clone(), self.path, self.body.clone())
            .await;
        answer.status.as_u16()
    }
}

fn get(function: &'static str, path: &'static str) -> Act {
    Act {
        function,
        method: Method::GET,
        path,
        body: None,
    }
}

fn put(function: &'static str, path: &'static str, body: Value) -> Act {
    Act {
        function,
        method: Method::PUT,
        path,
        body: Some(body),
    }
}

fn delete(function: &'static str, path: &'static str) -> Act {
    Act {
        function,
        method: Method::DELETE,
        path,
        body: None,
    }
}

fn administer(path: &'static str, body: Value) -> Act {
    Act {
        function: "auth",
        method: Method::POST,
        path,
        body: Some(body),
    }
}

/// Returns the requests of the table, with the expected statuses in the order of `PEOPLE`.
fn table() -> Vec<(Act, [u16; 5])> {
    let guest = || json!({ "userId": "guest" });
    let update = |data: Value| json!({ "userId": "guest", "data": data });
    let mut table = vec![
        // Everybody reads public objects.
        (get("projects", "/projects/public"), [200; 5]),
        (get("social", "/projects/public/comments"), [200; 5]),
        (get("users", "/users/author"), [200; 5]),
        // No role overrides privacy.
        (
            get("projects", "/projects/private"),
            [200, 404, 404, 404, 404],
        ),
        (
            get("projects", "/projects/private/files"),
            [200, 404, 404, 404, 404],
        ),
        (
            get("social", "/projects/private/comments"),
            [200, 404, 404, 404, 404],
        ),
        (
            get("social", "/projects/private/likes"),
            [200, 404, 404, 404, 404],
        ),
        (
            get("social", "/comments/in-private"),
            [200, 404, 404, 404, 404],
        ),
        // Only the author edits.
        (
            put("projects", "/projects/public", json!({ "title": "T" })),
            [200, 403, 403, 403, 403],
        ),
        (
            put("projects", "/projects/private", json!({ "title": "T" })),
            [200, 404, 404, 404, 404],
        ),
        (
            put("social", "/comments/in-public", json!({ "content": "C" })),
            [403, 200, 403, 403, 403],
        ),
        (
            put("users", "/users/author", json!({ "bio": "B" })),
            [404; 5],
        ),
        // Authors and staff delete.
        (
            delete("projects", "/projects/public"),
            [204, 403, 403, 204, 204],
        ),
        (
            delete("projects", "/projects/private"),
            [204, 404, 404, 404, 404],
        ),
        (
            delete("social", "/comments/in-public"),
            [204, 204, 403, 204, 204],
        ),
        (
            delete("social", "/comments/in-private"),
            [204, 404, 404, 404, 404],
        ),
    ];
    // Only admins manage users.
    for act in [
        get("auth", "/api/auth/admin/list-users"),
        get("auth", "/api/auth/admin/get-user?id=guest"),
        administer(
            "/api/auth/admin/create-user",
            json!({ "email": "new@test.example", "name": "New" }),
        ),
        administer(
            "/api/auth/admin/set-role",
            json!({ "userId": "guest", "role": "moderator" }),
        ),
        administer(
            "/api/auth/admin/update-user",
            update(json!({ "isActive": false })),
        ),
        administer(
            "/api/auth/admin/update-user",
            update(json!({ "isPro": true })),
        ),
        administer(
            "/api/auth/admin/update-user",
            update(json!({ "role": "admin" })),
        ),
        administer("/api/auth/admin/ban-user", guest()),
        administer("/api/auth/admin/unban-user", guest()),
        administer("/api/auth/admin/list-user-sessions", guest()),
        administer("/api/auth/admin/revoke-user-sessions", guest()),
        administer(
            "/api/auth/admin/revoke-user-session",
            json!({ "sessionToken": "x" }),
        ),
        administer("/api/auth/admin/impersonate-user", guest()),
        administer(
            "/api/auth/admin/set-user-password",
            json!({ "userId": "guest", "newPassword": "long enough" }),
        ),
        administer("/api/auth/admin/remove-user", guest()),
        get("health", "/metrics"),
    ] {
        table.push((act, [403, 403, 403, 403, 200]));
    }
    table
}

#[testkit::test]
async fn each_role_has_the_access_of_the_table(db: PgPool) {
    let bundle = Bundle::new(&db);
    for (act, expected) in table() {
        for (who, expected) in PEOPLE.into_iter().zip(expected) {
            set_up(&db).await;
            let somebody = bundle.session(who).await;

            let status = act.by(&somebody).await;

            assert_eq!(status, expected, "{} {} by {who}", act.method, act.path);
        }
    }
}

#[testkit::test]
async fn a_key_carries_no_role(db: PgPool) {
    const KEY: &str = "cc_abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl";
    let bundle = Bundle::new(&db);
    let with_key = bundle.anyone().header("x-api-key", KEY);
    let insert = async |owner: &str| {
        set_up(&db).await;
        sqlx::raw_sql("delete from apikey")
            .execute(&db)
            .await
            .unwrap();
        sqlx::query(
            r#"insert into apikey (id, "referenceId", key, "updatedAt")
               values ('key', $1, $2, now() at time zone 'utc')"#,
        )
        .bind(owner)
        .bind(hash(KEY))
        .execute(&db)
        .await
        .unwrap();
    };
    let of_staff = [
        delete("projects", "/projects/public"),
        delete("social", "/comments/in-public"),
        get("auth", "/api/auth/admin/list-users"),
        administer("/api/auth/admin/ban-user", json!({ "userId": "guest" })),
    ];
    for owner in ["moderator", "admin"] {
        for act in &of_staff {
            insert(owner).await;
            let answer = with_key
                .at(act.function)
                .send(act.method.clone(), act.path, act.body.clone())
                .await;
            let refused = answer.expect(403).json();
            assert_eq!(
                refused["message"], "API keys cannot be used here",
                "{}",
                act.path
            );
        }
    }
    // Access to one's own objects does not depend on a role.
    for (act, owner) in of_staff.iter().zip(["author", "guest"]) {
        insert(owner).await;
        assert_eq!(act.by(&with_key).await, 204, "{}", act.path);
    }
}

#[testkit::test]
async fn each_act_of_staff_is_one_line_of_the_audit_log(db: PgPool) {
    let log = Log::capture(Level::INFO);
    let bundle = Bundle::new(&db);
    let ban = || administer("/api/auth/admin/ban-user", json!({ "userId": "guest" }));

    for (act, who, expected) in [
        (
            delete("projects", "/projects/public"),
            "moderator",
            Some(["project.delete", "project=\"public\""]),
        ),
        (
            delete("social", "/comments/in-public"),
            "moderator",
            Some(["comment.delete", "comment=\"in-public\""]),
        ),
        (ban(), "admin", Some(["user.ban", "user=\"guest\""])),
        // Acts of authors and rejected requests are not audited.
        (delete("projects", "/projects/public"), "author", None),
        (delete("social", "/comments/in-public"), "author", None),
        (delete("projects", "/projects/private"), "admin", None),
        (ban(), "moderator", None),
    ] {
        set_up(&db).await;
        let somebody = bundle.session(who).await;
        log.take();

        act.by(&somebody).await;

        let lines = log.take_audit();
        assert_eq!(lines.len(), usize::from(expected.is_some()), "{lines:#?}");
        for part in expected.iter().flatten() {
            assert!(lines[0].contains(part), "{part} in {}", lines[0]);
        }
        if let Some(line) = lines.first() {
            assert!(line.contains(&format!("actor=\"{who}\"")), "{line}");
        }
    }
}
