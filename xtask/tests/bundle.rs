//! The five binaries under the emulated Lambda runtime, with the files of `events/`.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::{collections::HashMap, path::PathBuf};

use provider::{Person, Provider};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{
    emulator::Instance,
    leaks::{self, Secrets},
};
use tokio::sync::OnceCell;
use url::Url;
use xtask::{
    bundle::{self, FUNCTIONS},
    events,
};

/// The sign-in provider, and the variables with which functions are started.
struct Bundle {
    provider: Provider,
    variables: Vec<(&'static str, String)>,
}

impl Bundle {
    async fn new(db: &PgPool) -> Self {
        let provider = Provider::start().await.unwrap();
        let mut variables = provider.settings();
        variables.extend([
            ("DATABASE_URL", testkit::database::address(db)),
            ("BETTER_AUTH_URL", "https://api.codecave.tech".to_owned()),
            (
                "BETTER_AUTH_SECRET",
                "a-secret-of-these-tests-0123456789".to_owned(),
            ),
            ("NODE_ENV", "test".to_owned()),
            // A REST API needs it, because the stage is not part of its paths.
            ("AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "true".to_owned()),
        ]);
        Self {
            provider,
            variables,
        }
    }

    async fn start(&self, function: &str) -> Instance {
        static BINARIES: OnceCell<HashMap<String, PathBuf>> = OnceCell::const_new();
        let binaries = BINARIES
            .get_or_init(|| async { bundle::build().await.unwrap() })
            .await;
        let variables: Vec<_> = self
            .variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        Instance::start(&binaries[function], &variables)
            .await
            .unwrap()
    }

    /// Starts a sign-in. Returns the query of the callback, with code and state, and the state cookie.
    async fn begin(&self, auth: &Instance, event: &Value) -> (String, String) {
        let answer = send(auth, event).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        let ada = self.provider.register(Person::new("ada"));
        let authorize = body(&answer)["url"].as_str().unwrap().to_owned();
        let callback = Url::parse(&self.provider.sign_in(&authorize, &ada)).unwrap();
        (
            callback.query().unwrap().to_owned(),
            cookie(&answer, "better-auth.state"),
        )
    }

    /// Signs in and returns the session cookie.
    async fn sign_in(&self, auth: &Instance) -> String {
        let (query, state) = self.begin(auth, &event("auth-sign-in-social")).await;
        let mut callback = event("auth-finish-sign-in");
        callback["rawQueryString"] = json!(query);
        callback["cookies"] = json!(["theme=dark", state]);
        let answer = send(auth, &callback).await;
        assert_eq!(
            answer["headers"]["location"], "https://codecave.tech/welcome",
            "{answer}"
        );
        cookie(&answer, "better-auth.session_token")
    }
}

fn event(name: &str) -> Value {
    events::read(name).unwrap()
}

async fn send(function: &Instance, event: &Value) -> Value {
    let answer = function.invoke(event).await;
    let logs = function.logs().join("\n");
    Secrets::default().check("logs", &logs).unwrap();
    match answer {
        Ok(answer) => answer.response,
        Err(failure) => panic!("{failure}\n{logs}"),
    }
}

fn body(answer: &Value) -> Value {
    assert_eq!(answer["isBase64Encoded"], false, "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

fn cookies(answer: &Value) -> Vec<&str> {
    let cookies = answer["cookies"].as_array().into_iter().flatten();
    cookies.map(|cookie| cookie.as_str().unwrap()).collect()
}

/// Returns the cookie as a browser sends it back. Its name has a prefix, because the API is used over TLS.
fn cookie(answer: &Value, name: &str) -> String {
    let start = format!("__Secure-{name}=");
    let set = cookies(answer)
        .into_iter()
        .find(|set| set.starts_with(&start));
    let set = set.unwrap_or_else(|| panic!("no cookie {name} in {answer}"));
    set.split(';').next().unwrap().to_owned()
}

#[testkit::test]
async fn every_function_starts_and_serves_only_its_own_routes(db: PgPool) {
    let bundle = Bundle::new(&db).await;
    for name in FUNCTIONS {
        let function = bundle.start(name).await;

        let answer = send(&function, &event("health-unknown-route")).await;

        assert_eq!(answer["statusCode"], 404, "{name}: {answer}");
        if name != "auth" {
            let expected = json!({
                "statusCode": 404,
                "message": "Cannot GET /nope",
                "error": "Not Found",
            });
            assert_eq!(body(&answer), expected, "{name}");
        }
    }
}

#[testkit::test]
async fn health_needs_no_database(db: PgPool) {
    let mut bundle = Bundle::new(&db).await;
    bundle.variables.push((
        "DATABASE_URL",
        "postgres://nobody@127.0.0.1:9/nowhere".to_owned(),
    ));
    let health = bundle.start("health").await;

    let answer = send(&health, &event("health-get-health")).await;

    assert_eq!(answer["statusCode"], 200);
    let body = body(&answer);
    assert_eq!(body["status"], "ok");
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    assert!(answer["headers"]["x-request-id"].is_string(), "{answer}");
}

#[testkit::test]
async fn a_callback_answers_with_several_cookies(db: PgPool) {
    let bundle = Bundle::new(&db).await;
    let auth = bundle.start("auth").await;
    let (query, state) = bundle.begin(&auth, &event("auth-sign-in-social")).await;
    let mut callback = event("auth-finish-sign-in");
    callback["rawQueryString"] = json!(query);
    callback["cookies"] = json!(["theme=dark", state]);

    let answer = send(&auth, &callback).await;

    assert_eq!(answer["statusCode"], 302, "{answer}");
    assert_eq!(
        answer["headers"]["location"],
        "https://codecave.tech/welcome"
    );
    let cookies = cookies(&answer);
    assert_eq!(cookies.len(), 2, "{answer}");
    assert_eq!(
        cookies[0],
        "__Secure-better-auth.state=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax"
    );
    assert!(
        cookies[1].starts_with("__Secure-better-auth.session_token="),
        "{answer}"
    );
    assert_eq!(answer["headers"].get("set-cookie"), None);
    let addresses: Vec<(String, String)> =
        sqlx::query_as(r#"select "ipAddress", "userAgent" from session"#)
            .fetch_all(&db)
            .await
            .unwrap();
    let agent = callback["headers"]["user-agent"].as_str().unwrap();
    assert_eq!(addresses, [("203.0.113.17".to_owned(), agent.to_owned())]);
}

#[testkit::test]
async fn a_rest_api_gets_its_cookies_in_a_multi_value_header(db: PgPool) {
    let bundle = Bundle::new(&db).await;
    let auth = bundle.start("auth").await;
    let (query, state) = bundle.begin(&auth, &event("auth-sign-in-social")).await;
    let mut callback = event("auth-finish-sign-in-v1");
    callback["requestContext"]["stage"] = json!("prod");
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        callback["queryStringParameters"][&*name] = json!(value);
        callback["multiValueQueryStringParameters"][&*name] = json!([value]);
    }
    let sent = format!("theme=dark; {state}");
    callback["headers"]["cookie"] = json!(sent);
    callback["multiValueHeaders"]["cookie"] = json!([sent]);

    let answer = send(&auth, &callback).await;

    assert_eq!(answer["statusCode"], 302, "{answer}");
    let set = answer["multiValueHeaders"]["set-cookie"]
        .as_array()
        .unwrap();
    assert_eq!(set.len(), 2, "{answer}");
    assert_eq!(answer["isBase64Encoded"], false);
}

#[testkit::test]
async fn a_session_is_accepted_by_every_function_and_logged_by_none(db: PgPool) {
    let mut connection = db.acquire().await.unwrap();
    leaks::note(&mut connection).await.unwrap();
    let bundle = Bundle::new(&db).await;
    let auth = bundle.start("auth").await;
    let session = bundle.sign_in(&auth).await;

    let mut with_session = event("auth-get-session");
    with_session["cookies"] = json!(["theme=dark", session]);
    let answer = send(&auth, &with_session).await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(body(&answer)["user"]["email"], "ada@example.com");

    let mut logs = Vec::new();
    for (function, name, status) in [
        ("users", "users-get-profile", 200),
        ("social", "social-list-feed", 200),
        ("projects", "projects-list-projects", 200),
    ] {
        let mut with_session = event(name);
        with_session["cookies"] = json!([session]);
        let function = bundle.start(function).await;
        let answer = send(&function, &with_session).await;
        assert_eq!(answer["statusCode"], status, "{name}: {answer}");
        assert_eq!(
            answer["headers"]["cache-control"], "private, no-cache",
            "{name}"
        );
        logs.extend(function.logs());
    }

    let variables = bundle.variables.iter();
    let variables = variables.map(|(name, value)| (*name, value.as_str()));
    let mut secrets = Secrets::of_configuration(variables);
    assert!(secrets.add_noted(&mut connection).await.unwrap() >= 4);
    logs.extend(auth.logs());
    secrets.check("logs", &logs.join("\n")).unwrap();
}

#[testkit::test]
async fn a_cookie_with_a_wrong_signature_is_ignored(db: PgPool) {
    let bundle = Bundle::new(&db).await;

    // The cookies of the files were signed with another secret.
    let auth = bundle.start("auth").await;
    let answer = send(&auth, &event("auth-get-session")).await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(body(&answer), Value::Null);
    for (function, name) in [
        ("users", "users-get-profile"),
        ("social", "social-list-feed"),
    ] {
        let answer = send(&bundle.start(function).await, &event(name)).await;
        assert_eq!(answer["statusCode"], 401, "{name}");
        let expected = json!({ "statusCode": 401, "message": "Unauthorized" });
        assert_eq!(body(&answer), expected, "{name}");
    }
}

#[testkit::test]
async fn a_base64_body_is_decoded(db: PgPool) {
    let bundle = Bundle::new(&db).await;
    let auth = bundle.start("auth").await;

    bundle
        .begin(&auth, &event("auth-sign-in-social-binary"))
        .await;

    let stored: String = sqlx::query_scalar("select value from verification")
        .fetch_one(&db)
        .await
        .unwrap();
    assert!(
        stored.contains(r#""callbackURL":"/welcome?name=Zoë""#),
        "{stored}"
    );
}

#[testkit::test]
async fn a_body_that_is_not_text_is_rejected(db: PgPool) {
    let bundle = Bundle::new(&db).await;
    let auth = bundle.start("auth").await;
    let mut garbage = event("auth-sign-in-social-binary");
    garbage["body"] = json!("gIGC/w==");

    let answer = send(&auth, &garbage).await;

    assert_eq!(answer["statusCode"], 400, "{answer}");
    assert_eq!(body(&answer)["code"], "BAD_REQUEST");
}

#[testkit::test]
async fn text_beyond_ascii_is_kept(db: PgPool) {
    let bundle = Bundle::new(&db).await;
    let auth = bundle.start("auth").await;
    let session = bundle.sign_in(&auth).await;
    let users = bundle.start("users").await;
    let mut update = event("users-update-profile");
    update["cookies"] = json!([session]);

    let answer = send(&users, &update).await;

    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(body(&answer)["bio"], "Grüße aus Köln 👋");
}
