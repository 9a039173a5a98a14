//! Events with hostile input of clients, sent to the real binaries under an emulated Lambda.

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, PgPool};
use xtask::{events, seed};

use crate::{address, deployment};

type Change = Box<dyn Fn(&mut Value)>;

/// Returns changes of an event that must not affect the session.
fn changes() -> Vec<(&'static str, Change)> {
    let mut changes: Vec<(&'static str, Change)> = Vec::new();
    for host in ["", "a b", "http://x", "[::1", "a:99999", "é.example"] {
        let set = move |event: &mut Value| event["headers"]["host"] = json!(host);
        changes.push(("an invalid host", Box::new(set)));
        let set = move |event: &mut Value| event["requestContext"]["domainName"] = json!(host);
        changes.push(("an invalid domain", Box::new(set)));
    }
    for query in ["a=b c", "a=\"b\"", "<>", "é", "%", "#"] {
        let set = move |event: &mut Value| event["rawQueryString"] = json!(query);
        changes.push(("an invalid query", Box::new(set)));
    }
    for cookie in ["straße=é", "a=\u{1f980}", "b=\u{1}", ";;="] {
        let set = move |event: &mut Value| {
            let cookies = event["cookies"].as_array_mut().unwrap();
            cookies.insert(0, json!(cookie));
        };
        changes.push(("another site's cookie", Box::new(set)));
    }
    for header in ["user-agent", "referer"] {
        let set = move |event: &mut Value| event["headers"][header] = json!("é");
        changes.push(("a non-ASCII header", Box::new(set)));
    }
    let set = |event: &mut Value| {
        let cookies = event["cookies"].as_array_mut().unwrap();
        let chunks = (0..13_000).map(|n| json!(format!("better-auth.session_data.{n}=x")));
        cookies.splice(0..0, chunks);
    };
    changes.push(("13,000 cookies", Box::new(set)));
    changes
}

#[testkit::test]
async fn hostile_input_does_not_hide_the_session(db: PgPool) {
    let deployment = deployment(&address(&db)).await;
    let mut connection = PgConnection::connect(&address(&db)).await.unwrap();
    seed::sample(&mut connection).await.unwrap();
    let users = deployment.start("users").await.unwrap();
    let auth = deployment.start("auth").await.unwrap();

    for (kind, change) in changes() {
        for (instance, name) in [(&users, "users-get-profile"), (&auth, "auth-get-session")] {
            let mut event = events::read(name).unwrap();
            change(&mut event);

            let answer = instance.invoke(&event).await;

            let answer = answer
                .unwrap_or_else(|error| panic!("{kind}: {error}"))
                .response;
            assert_eq!(answer["statusCode"], 200, "{kind}: {answer}");
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert_eq!(
                body["user"]["name"], "Ada Lovelace",
                "{name} with {kind}: {answer}"
            );
        }
    }
}

#[testkit::test]
async fn the_decoded_path_of_the_gateway_is_not_decoded_again(db: PgPool) {
    let deployment = deployment(&address(&db)).await;
    let auth = deployment.start("auth").await.unwrap();

    for (path, status) in [
        ("/api/auth/ok", 200),
        ("/api/auth/x/../ok", 404),
        ("/api/auth/o\nk", 404),
        ("/api/auth/ok ", 404),
        ("/api/auth/ok?", 404),
        ("/api/auth//ok", 404),
        ("/api/auth/%6fk", 404),
        ("//api/auth/ok", 404),
    ] {
        let mut event = events::read("auth-get-auth-ok").unwrap();
        event["rawPath"] = json!(path);
        for host in ["", "api.codecave.tech"] {
            event["headers"]["host"] = json!(host);
            let answer = auth.invoke(&event).await.unwrap().response;
            assert_eq!(answer["statusCode"], status, "{path:?}: {answer}");
        }
    }
}
