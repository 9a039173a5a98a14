//! Cookies, CORS, and addresses of clients.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::PgPool;
use xtask::{events, template::Stack};

use crate::{address, deployment};

fn variable(parameters: &[(&str, &str)], name: &str) -> String {
    let functions = Stack::new(parameters, &[]).unwrap().functions().unwrap();
    let auth = functions
        .into_iter()
        .find(|function| function.binary == "auth");
    auth.unwrap().environment[name].clone()
}

#[test]
fn same_site_is_none_unless_the_frontend_is_on_the_same_site() {
    let same_site = |parameters: &[(&str, &str)]| variable(parameters, "COOKIE_SAME_SITE");
    let domain = ("DomainName", "api.codecave.tech");
    let public = ("PublicUrl", "https://codecave.tech");

    // The frontend and an execute-api address are never on the same site.
    assert_eq!(same_site(&[]), "none");
    assert_eq!(same_site(&[domain]), "lax");
    assert_eq!(same_site(&[public]), "lax");
    assert_eq!(same_site(&[domain, ("CookieSameSite", "none")]), "none");
    assert_eq!(same_site(&[("CookieSameSite", "strict")]), "strict");
}

#[test]
fn the_node_address_and_the_header_of_clients_are_restricted() {
    let template = std::fs::read_to_string(testkit::workspace().join("template.yaml")).unwrap();
    let template: yaml_serde::Value = yaml_serde::from_str(&template).unwrap();
    let parameter = |name: &str| template["Parameters"][name].clone();

    assert_eq!(parameter("NodeUrl")["AllowedPattern"], "^(https://[^/]+)?$");
    assert_eq!(parameter("ClientIpHeader")["Default"], "");
    assert_eq!(variable(&[], "CLIENT_IP_HEADER"), "");
    // The functions trust the header with the client's address only in requests with this value, which the CDN adds.
    let secret = Stack::new(&[], &[]).unwrap().resource("AppSecret").unwrap();
    let secret = secret.unwrap()["GenerateSecretString"]["SecretStringTemplate"].clone();
    let secret: Value = serde_json::from_str(secret.as_str().unwrap()).unwrap();
    assert_eq!(secret["TRUSTED_PROXY_SECRET"], "");
}

fn names(list: &Value) -> BTreeSet<String> {
    match list {
        Value::String(text) => text
            .split(',')
            .map(|name| name.trim().to_lowercase())
            .collect(),
        list => {
            let names = list.as_array().unwrap().iter();
            names
                .map(|name| name.as_str().unwrap().to_lowercase())
                .collect()
        }
    }
}

/// The gateway replaces the CORS headers of the functions by its own:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>
#[testkit::test]
async fn the_gateway_and_the_functions_have_the_same_cors_headers(db: PgPool) {
    let stack = Stack::new(
        &[("FrontendUrl", "https://one.example,https://two.example")],
        &[],
    );
    let cors = stack.unwrap().resource("Api").unwrap().unwrap()["CorsConfiguration"].clone();
    let mut deployment = deployment(&address(&db)).await;
    let environment = &mut deployment.function("health").environment;
    environment.insert(
        "FRONTEND_URL".to_owned(),
        "https://one.example,https://two.example".to_owned(),
    );
    let health = deployment.start("health").await.unwrap();

    let mut event = events::read("health-get-health").unwrap();
    event["requestContext"]["http"]["method"] = "OPTIONS".into();
    event["headers"]["access-control-request-method"] = "GET".into();
    let origins = names(&cors["AllowOrigins"]);
    assert!(origins.contains("https://two.example"));
    for origin in &origins {
        event["headers"]["origin"] = origin.as_str().into();
        let answer = health.invoke(&event).await.unwrap().response;
        let header = |name: &str| &answer["headers"][format!("access-control-{name}")];
        assert_eq!(header("allow-origin"), origin);
        assert_eq!(header("allow-credentials"), "true");
        assert_eq!(cors["AllowCredentials"], true);
        assert_eq!(names(header("allow-methods")), names(&cors["AllowMethods"]));
        assert_eq!(names(header("allow-headers")), names(&cors["AllowHeaders"]));
        assert_eq!(
            names(header("expose-headers")),
            names(&cors["ExposeHeaders"])
        );
        assert_eq!(
            header("max-age").as_str().unwrap(),
            cors["MaxAge"].to_string()
        );
    }
    // The gateway does not support patterns, so with them only the functions handle CORS.
    let patterns = [("TrustedOrigins", "https://*.example")];
    let api = Stack::new(&patterns, &[]).unwrap().resource("Api").unwrap();
    assert_eq!(api.unwrap().get("CorsConfiguration"), None);
    assert_eq!(
        variable(&patterns, "BETTER_AUTH_TRUSTED_ORIGINS"),
        "https://*.example"
    );
}

#[testkit::test]
async fn one_provider_is_required(db: PgPool) {
    let deployment = deployment(&address(&db)).await;
    let secret = &deployment.auth_secret;
    let only = json!({ "GITHUB_CLIENT_ID": "one", "GITHUB_CLIENT_SECRET": "two" });
    deployment
        .aws
        .change_secret(secret, &only.to_string())
        .await
        .unwrap();
    let auth = deployment.start("auth").await.unwrap();
    let event = events::read("auth-get-session").unwrap();
    let answer = auth.invoke(&event).await.unwrap().response;
    assert_eq!(answer["statusCode"], 200, "{answer}");

    deployment.aws.change_secret(secret, "{}").await.unwrap();
    assert_eq!(
        crate::reason(deployment.start("auth").await),
        "Error: Missing required environment variables: GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET \
         or GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET"
    );
}

#[testkit::test]
async fn an_unknown_name_in_the_secret_is_logged_once(db: PgPool) {
    let deployment = deployment(&address(&db)).await;
    let secret = json!({
        "BETTER_AUTH_SECRET": "hunter2-hunter2-hunter2-hunter2",
        "RATE_LIMIT_ANON": "1/60",
        "RATELIMIT_ANON": "hunter3",
        "METRICS_TOKEN": "of health",
    });
    let id = &deployment.app_secret;
    deployment
        .aws
        .change_secret(id, &secret.to_string())
        .await
        .unwrap();
    let projects = deployment.start("projects").await.unwrap();
    let mut event = events::read("projects-list-projects").unwrap();
    event["cookies"] = json!([]);
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let answer = projects.invoke(&event).await.unwrap().response;
        statuses.push(answer["statusCode"].as_u64().unwrap());
    }

    assert_eq!(statuses, [200, 429], "the limit in the secret applies");
    let logs = projects.logs();
    let lines: Vec<_> = logs
        .iter()
        .filter(|line| line.contains("unknown names"))
        .collect();
    assert_eq!(lines.len(), 1, "{logs:#?}");
    assert!(
        lines[0].contains(r#""names":"RATELIMIT_ANON""#),
        "{lines:?}"
    );
    assert!(!logs.join("").contains("hunter"), "{logs:#?}");
}
