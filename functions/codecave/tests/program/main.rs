//! The program as container platforms run it: every group in one process, health checks, jobs, and an orderly end.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod process;

use std::{net::Ipv4Addr, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, PgPool};
use testing::blocked;
use testkit::{database::address, ports::free_port};
use tokio::{net::TcpStream, time::sleep};

use self::process::{Process, command};

/// Sends the request with the session's cookie. Returns the status and the body.
async fn send(
    all: &Process,
    session: &str,
    (method, path): (Method, &str),
    body: Option<Value>,
) -> (u16, Value) {
    let mut request = all.request(method, path).header("cookie", session);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// Runs the program to its end. Returns its exit code and its standard error.
async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = command(arguments);
    let output = command.envs(variables.iter().copied()).output().await;
    let output = output.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), error)
}

#[testkit::test]
async fn one_process_serves_every_group_with_one_session(db: PgPool) {
    let all = Process::start("all", &address(&db)).await;
    let ada = all.sign_in("ada").await;
    let bob = all.sign_in("bob").await;
    let get = |path| (Method::GET, path);

    let (status, session) = send(&all, &ada, get("/api/auth/get-session"), None).await;
    assert_eq!(status, 200);
    let email = &session["user"]["email"];
    assert_eq!(email, "ada@example.com", "{session}");
    let (status, profile) = send(&all, &ada, get("/users/profile"), None).await;
    assert_eq!(
        (status, &profile["user"]["id"]),
        (200, &session["user"]["id"]),
        "{profile}"
    );
    let project = json!({ "title": "A compiler", "description": "It compiles." });
    let (status, project) = send(&all, &ada, (Method::POST, "/projects"), Some(project)).await;
    assert_eq!(status, 201, "{project}");
    let id = project["id"].as_str().unwrap();
    let like = format!("/projects/{id}/like");
    let (status, liked) = send(&all, &bob, (Method::PUT, &like), None).await;
    assert_eq!((status, &liked["likeCount"]), (200, &json!(1)), "{liked}");
    let count = get("/notifications/count");
    let (status, news) = send(&all, &ada, count, None).await;
    assert_eq!((status, &news["unread"]), (200, &json!(1)), "{news}");
    for path in [
        "/",
        "/health/ready",
        "/stats",
        "/docs",
        "/projects/facets",
        "/api/auth/ok",
    ] {
        assert_eq!(all.status(path).await, 200, "{path}");
    }

    let (status, signed_out) = send(
        &all,
        &ada,
        (Method::POST, "/api/auth/sign-out"),
        Some(json!({})),
    )
    .await;
    assert_eq!(status, 200, "{signed_out}");
    for path in ["/users/profile", "/feed"] {
        assert_eq!(send(&all, &ada, get(path), None).await.0, 401, "{path}");
    }
}

#[testkit::test]
async fn one_process_responds_to_unknown_paths_as_the_functions_do(db: PgPool) {
    let all = Process::start("all", &address(&db)).await;

    let (status, body) = send(&all, "", (Method::PATCH, "/users/1/2?x=1"), None).await;
    let expected =
        json!({ "statusCode": 404, "message": "Cannot PATCH /users/1/2", "error": "Not Found" });
    assert_eq!((status, body), (404, expected));
    let unknown = (Method::GET, "/api/auth/nope");
    assert_eq!(send(&all, "", unknown, None).await, (404, Value::Null));
    assert_eq!(all.status("/users/%70rofile/").await, 401);
}

#[testkit::test]
async fn a_request_that_is_being_served_at_sigterm_is_finished(db: PgPool) {
    let all = Process::start("all", &address(&db)).await;
    let ada = all.sign_in("ada").await;
    let mut lock = PgConnection::connect(&address(&db)).await.unwrap();
    let mut lock = lock.begin().await.unwrap();
    sqlx::query(r#"lock table "user" in access exclusive mode"#)
        .execute(&mut *lock)
        .await
        .unwrap();
    let profile = all
        .request(Method::GET, "/users/profile")
        .header("cookie", ada);
    let profile = tokio::spawn(profile.send());
    blocked(&db, 1).await;

    all.terminate();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, all.port))
        .await
        .is_ok()
    {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(!profile.is_finished());
    lock.rollback().await.unwrap();

    assert_eq!(profile.await.unwrap().unwrap().status(), 200);
    assert!(all.ended().await.success());
}

#[testkit::test]
async fn a_group_serves_its_own_routes_only(db: PgPool) {
    for (group, own, other) in [
        ("auth", "/api/auth/get-session", "/health"),
        ("users", "/users/by-github/nobody", "/projects"),
        ("projects", "/projects", "/feed"),
        ("social", "/users/1/followers", "/users/by-github/nobody"),
        ("health", "/health", "/projects"),
    ] {
        let process = Process::start(group, &address(&db)).await;

        let own_response = process.request(Method::GET, own).send().await.unwrap();
        let body = own_response.text().await.unwrap();
        assert!(!body.contains("Cannot GET"), "{group}: {body}");
        assert_eq!(process.status(other).await, 404, "{group}");
        let port = process.port.to_string();
        assert_eq!(
            run(&["healthcheck"], &[("PORT", &port)]).await.0,
            0,
            "{group}"
        );
    }
}

#[testkit::test]
async fn the_health_check_fails_unless_the_program_responds(db: PgPool) {
    let port = free_port().unwrap().to_string();
    for arguments in [["healthcheck", "live"], ["healthcheck", "ready"]] {
        let (code, error) = run(&arguments, &[("PORT", &port)]).await;
        assert_eq!(code, 1, "{error}");
        assert!(error.contains("nothing listens on port"), "{error}");
    }

    let all = Process::start("all", &address(&db)).await;
    let port = all.port.to_string();
    for arguments in [["healthcheck", "live"], ["healthcheck", "ready"]] {
        assert_eq!(
            run(&arguments, &[("PORT", &port)]).await,
            (0, String::new())
        );
    }
}

#[tokio::test]
async fn without_a_database_the_program_is_live_and_not_ready() {
    let all = Process::start("all", "postgres://nobody@127.0.0.1:1/none").await;
    let port = all.port.to_string();
    let variables = [("PORT", port.as_str())];

    assert_eq!(run(&["healthcheck"], &variables).await.0, 0);
    let (code, error) = run(&["healthcheck", "ready"], &variables).await;
    assert_eq!(code, 1);
    assert!(error.contains("not ready: status 503"), "{error}");
}

#[testkit::test(empty)]
async fn the_jobs_migrate_a_database_and_sweep_it(db: PgPool) {
    let variables = [("DATABASE_URL", &*address(&db))];

    // A database without tables has nothing to sweep.
    let (code, error) = run(&["sweep"], &variables).await;
    assert_eq!(code, 1, "{error}");
    for job in ["migrate", "migrate", "sweep"] {
        assert_eq!(run(&[job], &variables).await, (0, String::new()), "{job}");
    }
    let tables: i64 = sqlx::query_scalar("select count(*) from projects")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_rejected_with_the_usage() {
    for arguments in [&["serve"][..], &["all", "users"], &["healthcheck", "soon"]] {
        let (code, error) = run(arguments, &[]).await;
        assert_eq!(code, 2, "{arguments:?}");
        assert!(error.starts_with("Usage: codecave"), "{error}");
    }
}

#[tokio::test]
async fn production_reports_the_missing_variables_of_every_group() {
    let (code, error) = run(&["all"], &[("NODE_ENV", "production")]).await;

    assert_eq!(code, 1);
    for name in ["DATABASE_URL", "BETTER_AUTH_SECRET", "GITHUB_CLIENT_ID"] {
        assert!(error.contains(name), "{name}: {error}");
    }
}
