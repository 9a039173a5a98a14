//! Tests of the HTTP server and of the workshop with a small workspace, whose functions compile quickly.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use reqwest::{Client, Response};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

use super::{
    Stages,
    build::Workspace,
    front::{Front, Problem},
    functions::LocalFunction,
    routes::Routes,
    workshop::Workshop,
};
use crate::bundle::FUNCTIONS;

const FUNCTION: &str = include_str!("../../tests/fixtures/function.rs");

/// A workspace in a temporary folder. Dropping it removes the folder.
struct Fixture {
    root: PathBuf,
}

impl Fixture {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("xtask-dev-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for folder in ["functions/src/bin", "shared", "migrations", ".sqlx"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let manifest = "[package]\nname = \"functions\"\nedition = \"2024\"\n";
        fs::write(root.join("functions/Cargo.toml"), manifest).unwrap();
        let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"functions\"]\n";
        fs::write(root.join("Cargo.toml"), workspace).unwrap();
        let fixture = Self { root };
        for name in FUNCTIONS {
            fixture.write_function(name, FUNCTION);
        }
        fixture
    }

    fn source(&self, function: &str) -> PathBuf {
        self.root.join(format!("functions/src/bin/{function}.rs"))
    }

    fn write_function(&self, name: &str, text: &str) {
        fs::write(self.source(name), text).unwrap();
    }

    fn write_migration(&self, text: &str) {
        fs::write(self.root.join("migrations/20300101000000_things.sql"), text).unwrap();
    }

    fn workspace(&self, database: &str) -> Workspace {
        Workspace {
            root: self.root.clone(),
            target: self.root.join("target"),
            database: database.to_owned(),
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

async fn front() -> Front {
    let environment = Arc::new(Vec::new());
    let functions = FUNCTIONS.map(|name| (name, LocalFunction::new(Arc::clone(&environment))));
    let mut front = Front::new(Routes::read().await.unwrap(), functions.into());
    front.patience = Duration::from_secs(3);
    front
}

/// Starts to serve and returns the address.
async fn serve(front: &Arc<Front>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Arc::clone(front).serve(listener));
    format!("http://{address}")
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn get(api: &str, path: &str) -> Response {
    client().get(format!("{api}{path}")).send().await.unwrap()
}

/// Repeats the request until the response is as expected. Returns its body.
async fn until(api: &str, path: &str, status: u16, part: &str) -> String {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let response = get(api, path).await;
        let found = response.status();
        let body = response.text().await.unwrap();
        if found == status && body.contains(part) {
            return body;
        }
        assert!(Instant::now() < deadline, "{path}: {found} {body}");
        sleep(Duration::from_millis(100)).await;
    }
}

#[sqlx::test(migrations = false)]
async fn changed_sources_are_built_and_their_errors_are_returned(db: PgPool) {
    let fixture = Fixture::new("workshop");
    let front = Arc::new(front().await);
    let api = serve(&front).await;
    let database = url(&db);
    let workspace = fixture.workspace(&database);
    let mut workshop = Workshop::new(front, workspace, "addresses".to_owned()).unwrap();
    workshop.open(&mut Stages::default()).await.unwrap();
    tokio::select! {
        ended = workshop.run() => panic!("{ended:?}"),
        () = follow(&fixture, &api, &db) => {}
    }
}

async fn follow(fixture: &Fixture, api: &str, db: &PgPool) {
    // Each route belongs to its function.
    let users = until(api, "/users/profile", 200, "first").await;
    let social = until(api, "/feed", 200, "first").await;
    assert_ne!(users, social);

    // An error in one function stops only that function. The response contains the error's location.
    let broken = format!("{FUNCTION}\nfn broken() -> u8 {{ \"\" }}\n");
    fixture.write_function("users", &broken);
    let line = broken.lines().count();
    let place = format!("functions/src/bin/users.rs:{line}:");
    let body = until(api, "/users/profile", 503, &place).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["error"], "Service Unavailable");
    assert_eq!(body["statusCode"], 503);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("mismatched types")
    );
    assert!(body["details"].as_str().unwrap().contains("expected `u8`"));
    assert_eq!(until(api, "/feed", 200, "first").await, social);

    // The corrected function is restarted. The others keep running.
    fixture.write_function("users", &FUNCTION.replace("first", "second"));
    until(api, "/users/profile", 200, "second").await;
    assert_eq!(until(api, "/feed", 200, "first").await, social);

    // The error of a migration contains its location, too. A correct migration is applied.
    fixture.write_migration("create table thing (id int);\n\ninsert into thing\nvalues (1, 2);\n");
    let place = "migrations/20300101000000_things.sql:4: INSERT has more expressions";
    until(api, "/feed", 503, place).await;
    fixture.write_migration("create table thing (id int);\n");
    until(api, "/feed", 200, "first").await;
    let count: i64 = sqlx::query_scalar("select count(*) from thing")
        .fetch_one(db)
        .await
        .unwrap();
    assert_eq!(count, 0);
}

/// Returns the address of the test's database.
fn url(db: &PgPool) -> String {
    let mut url = url::Url::parse(&std::env::var("DATABASE_URL").unwrap()).unwrap();
    url.set_path(db.connect_options().get_database().unwrap());
    url.into()
}

/// Compiles one function and returns its binary.
fn compile(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let (source, binary) = (folder.join("users.rs"), folder.join("users"));
    fs::write(&source, FUNCTION).unwrap();
    let status = std::process::Command::new("rustc")
        .args(["--edition", "2024", "-o"])
        .args([&binary, &source])
        .status()
        .unwrap();
    assert!(status.success());
    binary
}

/// Serves HTTP with a running users function.
async fn with_users(name: &str) -> (Fixture, Arc<Front>, String, PathBuf) {
    let fixture = Fixture::new(name);
    let binary = compile(&fixture.root.join("compiled"));
    let front = Arc::new(front().await);
    let (_, users) = front
        .functions()
        .find(|(name, _)| *name == "users")
        .unwrap();
    assert!(users.reload(&binary).await.unwrap());
    let api = serve(&front).await;
    (fixture, front, api, binary)
}

#[tokio::test]
async fn a_response_arrives_unchanged_and_lambdas_own_api_is_served() {
    let (_fixture, _front, api, _) = with_users("whole").await;

    let response = get(&api, "/users/profile?a=1&a=2").await;
    let cookies = response.headers().get_all("set-cookie").iter();
    assert_eq!(cookies.collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert!(response.text().await.unwrap().starts_with("first "));

    let invocations = format!("{api}/2015-03-31/functions/users/invocations");
    let event = json!({ "rawPath": "/" });
    let invoked = client().post(invocations).json(&event).send().await;
    let answer: Value = invoked.unwrap().json().await.unwrap();
    assert_eq!(answer["statusCode"], 200);
    let unknown = format!("{api}/2015-03-31/functions/nobody/invocations");
    let invoked = client().post(unknown).json(&event).send().await;
    assert_eq!(invoked.unwrap().status(), 404);
}

#[tokio::test]
async fn a_function_that_ends_is_reported_as_500_and_replaced() {
    let (_fixture, _front, api, _) = with_users("ends").await;
    let first = until(&api, "/users/profile", 200, "first").await;

    for path in ["/users/exit", "/users/garbage"] {
        let response = get(&api, path).await;
        assert_eq!(response.status(), 500, "{path}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body, json!({ "message": "Internal Server Error" }));
    }

    let second = until(&api, "/users/profile", 200, "first").await;
    assert_ne!(first, second, "another process");
}

#[tokio::test]
async fn only_a_changed_binary_is_restarted() {
    let (_fixture, front, api, binary) = with_users("restart").await;
    let (_, users) = front
        .functions()
        .find(|(name, _)| *name == "users")
        .unwrap();
    let first = until(&api, "/users/profile", 200, "first").await;

    assert!(!users.reload(&binary).await.unwrap());
    assert_eq!(until(&api, "/users/profile", 200, "first").await, first);

    let copy = binary.with_file_name("copy");
    fs::copy(&binary, &copy).unwrap();
    fs::rename(&copy, &binary).unwrap();
    assert!(users.reload(&binary).await.unwrap());
    assert_ne!(until(&api, "/users/profile", 200, "first").await, first);
}

#[tokio::test]
async fn a_request_waits_for_a_short_build_and_gets_503_during_a_long_one() {
    let (_fixture, front, api, _) = with_users("wait").await;

    front.building("3/4 crates");
    let waiting = tokio::spawn({
        let api = api.clone();
        async move { get(&api, "/users/profile").await.status() }
    });
    sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    front.built(BTreeMap::new());
    assert_eq!(waiting.await.unwrap(), 200);

    front.building("3/400 crates");
    let response = get(&api, "/users/profile").await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["message"], "users is being built: 3/400 crates");
}

#[tokio::test]
async fn a_problem_is_text_for_a_page_and_readable_for_a_local_frontend() {
    let (_fixture, front, api, _) = with_users("problem").await;
    let problem = Problem {
        summary: "a.rs:1:2: wrong".to_owned(),
        details: "error: wrong".to_owned(),
    };
    front.built(BTreeMap::from([("users", problem)]));
    let request = |origin| {
        client()
            .get(format!("{api}/users/profile"))
            .header("accept", "text/html,*/*")
            .header("origin", origin)
            .send()
    };

    let local = request("http://localhost:3000").await.unwrap();
    let foreign = request("https://localhost.example").await.unwrap();
    let preflight = client()
        .request(reqwest::Method::OPTIONS, format!("{api}/users/profile"))
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "PUT")
        .send()
        .await
        .unwrap();

    assert_eq!(local.status(), 503);
    assert_eq!(
        local.headers()["access-control-allow-origin"],
        "http://localhost:3000"
    );
    assert_eq!(local.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(
        local.text().await.unwrap(),
        "a.rs:1:2: wrong\n\nerror: wrong"
    );
    assert!(
        foreign
            .headers()
            .get("access-control-allow-origin")
            .is_none()
    );
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-methods"], "PUT");
}
