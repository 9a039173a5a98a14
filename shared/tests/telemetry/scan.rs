//! Scans of logs, events and metrics for secrets and personal data.

use provider::{Person, Provider};
use reqwest::Method;
use serde_json::{Value, json};
use shared::api_key::hash;
use sqlx::PgPool;
use testkit::{
    database::address,
    leaks::{self, Secrets},
    ports::free_port,
};

use crate::{
    ada,
    ingest::Ingest,
    program::{COMMON, Program, parsed, with_message},
};

const ADDRESS: &str = "203.0.113.77";

/// Signs in like a browser, which follows redirects and stores cookies.
async fn sign_in(auth: &Program, provider: &Provider, person: &Person) -> Vec<String> {
    let answer = auth
        .request(Method::POST, "/api/auth/sign-in/social")
        .header("origin", "http://localhost:3000")
        .header("user-agent", "a browser")
        .header("x-real-ip", ADDRESS)
        .json(&json!({ "provider": "github", "callbackURL": "/home" }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let state = cookies(&answer);
    let body: Value = answer.json().await.unwrap();
    let callback = provider.sign_in(body["url"].as_str().unwrap(), person);
    let path = callback.strip_prefix(&auth.url).unwrap_or(&callback);
    let answer = auth
        .get(path)
        .header("cookie", state.join("; "))
        .header("user-agent", "a browser")
        .header("x-real-ip", ADDRESS)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["location"], "/home", "{answer:?}");
    [state, cookies(&answer)].concat()
}

fn cookies(answer: &reqwest::Response) -> Vec<String> {
    answer
        .headers()
        .get_all("set-cookie")
        .iter()
        .filter_map(|cookie| cookie.to_str().unwrap().split(';').next())
        .filter(|cookie| !cookie.ends_with('='))
        .map(str::to_owned)
        .collect()
}

#[testkit::test]
async fn secrets_of_a_user_are_not_written(db: PgPool) {
    let ingest = Ingest::start().await;
    leaks::note(&mut db.acquire().await.unwrap()).await.unwrap();
    let provider = Provider::start().await.unwrap();
    let ada = provider.register(Person::new("ada"));
    let settings = provider.settings();
    let port = free_port().unwrap();
    let (database, dsn) = (address(&db), ingest.dsn());
    let url = format!("http://127.0.0.1:{port}");
    let mut variables: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    variables.extend([
        ("DATABASE_URL", &*database),
        ("SENTRY_DSN", &dsn),
        ("SENTRY_TRACES_SAMPLE_RATE", "1"),
        ("METRICS_TOKEN", "a-token-for-metrics"),
        ("BETTER_AUTH_URL", &url),
        ("CLIENT_IP_HEADER", "x-real-ip"),
        ("RUST_LOG", "debug"),
    ]);
    let auth = Program::on_port("auth", port, &variables).await;
    let users = Program::start("users", &variables).await;
    let health = Program::start("health", &variables).await;

    let cookies = sign_in(&auth, &provider, &ada).await;
    let cookie = cookies.join("; ");
    for (program, path, expected) in [
        (&auth, "/api/auth/get-session", 200),
        (&users, "/users/profile", 200),
        (&users, "/users/nobody", 404),
        (&health, "/sentry-test", 200),
        (&health, "/sentry-error", 500),
    ] {
        let answer = program.get(path).header("cookie", &cookie);
        let answer = answer.header("x-real-ip", ADDRESS).send().await;
        assert_eq!(answer.unwrap().status(), expected, "{path}");
    }
    let metrics = health.get("/metrics").bearer_auth("a-token-for-metrics");
    let metrics = metrics.send().await.unwrap().text().await.unwrap();

    let mut secrets = Secrets::of_configuration(variables.iter().copied());
    secrets.add("the key of cookies", COMMON[0].1);
    secrets.add("an address", ADDRESS);
    let mut connection = db.acquire().await.unwrap();
    let noted = secrets.add_noted(&mut connection).await.unwrap();
    // At least an e-mail address, a session, a token of the account, and the state of the sign-in.
    assert!(noted >= 4, "{secrets:?}");

    let mut log = Vec::new();
    for program in [auth, users, health] {
        let (status, lines) = program.stop().await;
        assert!(status.success());
        secrets.check("logs", &lines.join("\n")).unwrap();
        log.extend(parsed(&lines));
    }
    secrets.check("metrics", &metrics).unwrap();
    secrets.check("events", &ingest.text()).unwrap();

    // The scanned texts must contain these requests.
    let requests = with_message(&log, "auth request");
    assert_eq!(requests.len(), 3, "{log:#?}");
    assert_eq!(requests[0]["method"], "POST");
    assert_eq!(requests[0]["path"], "/api/auth/sign-in/social");
    assert_eq!(requests[0]["userAgent"], "a browser");
    assert_eq!(requests[0]["origin"], "http://localhost:3000");
    let callback = &ingest
        .transactions()
        .into_iter()
        .find(|found| {
            let name = found["transaction"].as_str().unwrap();
            name.contains("/callback/")
        })
        .unwrap();
    let calls: Vec<&str> = callback["spans"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|span| span["op"] == "http.client")
        .map(|span| span["description"].as_str().unwrap())
        .collect();
    assert!(calls.len() >= 2, "{callback:#?}");
    assert!(calls[0].starts_with("POST 127.0.0.1/"), "{calls:?}");
}

#[testkit::test]
async fn keys_and_passwords_are_not_written(db: PgPool) {
    const PASSWORD: &str = "a password that nobody has";
    let ingest = Ingest::start().await;
    let provider = Provider::start().await.unwrap();
    let ada = ada(&db).await;
    let execute = async |sql: &'static str| {
        sqlx::raw_sql(sql).execute(&db).await.unwrap();
    };
    execute(r#"update "user" set role = 'admin'"#).await;
    let settings = provider.settings();
    let (database, dsn) = (address(&db), ingest.dsn());
    let mut variables: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    variables.extend([
        ("DATABASE_URL", &*database),
        ("SENTRY_DSN", &dsn),
        ("SENTRY_TRACES_SAMPLE_RATE", "1"),
        ("RUST_LOG", "trace"),
    ]);
    let auth = Program::start("auth", &variables).await;
    let users = Program::start("users", &variables).await;
    let health = Program::start("health", &variables).await;
    let post = async |path: &str, body: Value| {
        let request = auth.request(Method::POST, path).json(&body);
        let request = request.header("cookie", ada.cookie().unwrap());
        let answer = request.header("origin", "http://localhost:3000").send();
        let answer = answer.await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };

    let (status, made) = post("/api/auth/api-key/create", json!({})).await;
    assert_eq!(status, 200);
    let made: Value = serde_json::from_str(&made).unwrap();
    let key = made["key"].as_str().unwrap();
    let guess = key.replace("cc_", "dd_");
    let mut told = Vec::new();
    let mut get = async |program: &Program, path: &str, header, value: &str, expected| {
        let answer = program.get(path).header(header, value).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), expected, "{path}");
        if expected != 200 {
            told.push(answer.text().await.unwrap());
        }
    };
    let (bearer, bearer_guess) = (format!("Bearer {key}"), format!("Bearer {guess}"));
    get(&users, "/users/profile", "x-api-key", key, 200).await;
    get(&users, "/users/profile", "authorization", &bearer, 200).await;
    get(&auth, "/api/auth/get-session", "x-api-key", key, 200).await;
    get(&health, "/sentry-error", "x-api-key", key, 500).await;
    get(&health, "/health", "authorization", &bearer_guess, 401).await;
    get(&users, "/users/profile", "x-api-key", &guess, 401).await;
    get(&auth, "/api/auth/get-session", "x-api-key", &guess, 401).await;
    let password = json!({ "userId": ada.id, "newPassword": PASSWORD });
    let set_password = async || post("/api/auth/admin/set-user-password", password.clone()).await;
    assert_eq!(set_password().await.0, 200);
    let hashed: String = sqlx::query_scalar("select password from account")
        .fetch_one(&db)
        .await
        .unwrap();
    // Failures are sent to Sentry.
    execute("alter table apikey rename to gone; alter table account rename to lost").await;
    get(&users, "/users/profile", "x-api-key", key, 500).await;
    get(&auth, "/api/auth/get-session", "x-api-key", key, 500).await;
    for (status, text) in [
        set_password().await,
        post("/api/auth/api-key/create", json!({})).await,
    ] {
        assert_eq!(status, 500, "{text}");
        told.push(text);
    }

    let mut written = told.concat();
    for program in [auth, users, health] {
        let (status, lines) = program.stop().await;
        assert!(status.success());
        written.push_str(&lines.concat());
    }
    assert!(ingest.events().len() >= 5, "{:#?}", ingest.events());
    written.push_str(&ingest.text());
    let (salt, derived) = hashed.split_once(':').unwrap();
    let hashes = [hash(key), hash(&guess)];
    let secrets = [key, &guess, &hashes[0], &hashes[1], PASSWORD, salt, derived];
    for secret in secrets {
        assert!(!written.contains(secret), "{secret}");
    }
}
