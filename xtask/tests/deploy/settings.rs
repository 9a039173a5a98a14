//! Parameters and secrets that reach the functions which are running.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::net::TcpListener;
use xtask::template::Stack;

use crate::{address, deployment};

const EXISTING: &[(&str, &str)] = &[
    ("DatabaseSecretArn", "arn:mine"),
    ("SubnetIds", "subnet-1"),
    ("SecurityGroupIds", "sg-1"),
];

/// Returns what a published version of each function contains: its code's architecture, environment and network.
fn versions(stack: &Stack) -> BTreeMap<String, Value> {
    let mut common = stack.common_properties().unwrap();
    // The environment of each function contains the common one.
    common.as_object_mut().unwrap().remove("Environment");
    let functions = stack.functions().unwrap().into_iter();
    functions
        .filter(|function| function.binary != "migrate")
        .map(|mut function| {
            let mut own = stack.resource(&function.logical_id).unwrap().unwrap();
            let own = own.as_object_mut().unwrap();
            for outside in [
                "DeploymentPreference",
                "Environment",
                "Policies",
                "ReservedConcurrentExecutions",
            ] {
                own.remove(outside);
            }
            function.environment.remove("SETTINGS_DIGEST");
            let version = json!([common, own, function.environment]);
            (function.binary, version)
        })
        .collect()
}

fn settings(stack: &Stack) -> String {
    let migration = stack.resource("Migration").unwrap().unwrap();
    migration["Settings"].as_str().unwrap().to_owned()
}

/// SAM publishes a version when the text of the template changes, and not when the value of a parameter does.
#[test]
fn another_value_of_a_parameter_publishes_another_version() {
    let mut publishing = BTreeSet::new();
    for base in [&[][..], EXISTING] {
        let before = Stack::new(base, &[]).unwrap();
        for (name, value) in before.parameters() {
            let value = value.to_string();
            let mut others = before.allowed_values(name);
            if others.is_empty() {
                others = vec!["7".to_owned()];
            }
            for other in others.iter().filter(|other| !value.contains(*other)) {
                let parameters = [base, &[(name, other)]].concat();
                let after = Stack::new(&parameters, &[]).unwrap();
                if versions(&before) != versions(&after) {
                    publishing.insert(name.to_owned());
                    assert_ne!(settings(&before), settings(&after), "{name}={other}");
                }
            }
        }
        // Another cluster, for example one of a snapshot, has another address.
        let is_new = base.is_empty();
        assert_eq!(
            settings(&before).contains("\nDatabase.Endpoint.Address\n"),
            is_new
        );
    }
    for name in [
        "ConnectionProxy",
        "FrontendUrl",
        "NatGateways",
        "Release",
        "SubnetIds",
    ] {
        assert!(publishing.contains(name), "{name}: {publishing:?}");
    }
}

#[test]
fn the_functions_use_the_proxy_when_its_target_can_be_used() {
    let proxied = Stack::new(&[("ConnectionProxy", "on"), ("NatGateways", "1")], &[]).unwrap();
    let depends = proxied
        .attribute("DatabaseProxyTargets", "DependsOn")
        .unwrap();
    // Before the migrations there is no role that the proxy can log in as.
    assert_eq!(
        depends.unwrap(),
        json!(["Migration", "DatabaseFromProxy", "ProxyFromFunctions"])
    );
    let migration = proxied.resource("Migration").unwrap().unwrap();
    assert!(!migration.to_string().contains("Proxy"), "{migration}");
    for function in proxied.functions().unwrap() {
        let digest = function
            .environment
            .get("SETTINGS_DIGEST")
            .map(String::as_str);
        let expected = "Migration.SettingsDigest DatabaseProxyTargets";
        let expected = (function.binary != "migrate").then_some(expected);
        assert_eq!(digest, expected, "{}", function.binary);
    }
}

#[test]
fn the_scheduled_job_lets_a_cluster_pause() {
    let rate = |parameters: &[(&str, &str)]| {
        let stack = Stack::new(parameters, &[]).unwrap();
        let sweep = stack.resource("Sweep").unwrap().unwrap();
        assert_eq!(sweep["Target"]["Arn"], "MigrateFunction.Arn");
        assert_eq!(sweep["Target"]["Input"], r#"{"task": "sweep"}"#);
        let role = stack.resource("SweepRole").unwrap().unwrap();
        let allowed = &role["Policies"][0]["PolicyDocument"]["Statement"][0];
        assert_eq!(allowed["Action"], "lambda:InvokeFunction");
        assert_eq!(allowed["Resource"], sweep["Target"]["Arn"]);
        sweep["ScheduleExpression"].as_str().unwrap().to_owned()
    };

    // A cluster pauses after 15 minutes without a connection.
    assert_eq!(rate(&[]), "rate(1 day)");
    assert_eq!(rate(&[("DatabaseMinCapacity", "0.5")]), "rate(5 minutes)");
    assert_eq!(rate(EXISTING), "rate(5 minutes)");
    // The proxy holds connections, so the cluster never pauses.
    let proxied = [("ConnectionProxy", "on"), ("NatGateways", "1")];
    assert_eq!(rate(&proxied), "rate(5 minutes)");
}

/// A server that accepts every deletion. Returns its address, and the paths and credentials of the requests.
async fn bucket() -> (String, Arc<Mutex<Vec<String>>>) {
    async fn take(State(requests): State<Arc<Mutex<Vec<String>>>>, request: Request) -> StatusCode {
        let headers = request.headers();
        let authorization = headers
            .get("authorization")
            .map(|value| value.to_str().unwrap());
        let query = request.uri().query().unwrap_or_default();
        let credentials = [query, authorization.unwrap_or_default()].concat();
        let line = format!(
            "{} {} {credentials}",
            request.method(),
            request.uri().path()
        );
        requests.lock().unwrap().push(line);
        StatusCode::NO_CONTENT
    }
    let requests: Arc<Mutex<Vec<String>>> = Arc::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(take).with_state(requests.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, requests)
}

#[testkit::test]
async fn the_scheduled_job_deletes_objects_with_the_credentials_in_the_secret(db: PgPool) {
    sqlx::raw_sql(r#"insert into "objectRemoval" (key) values ('files/one')"#)
        .execute(&db)
        .await
        .unwrap();
    let (endpoint, requests) = bucket().await;
    let mut deployment = deployment(&address(&db)).await;
    let none = Stack::new(&[("StorageBucket", "none")], &[]).unwrap();
    let none = none.functions().unwrap().into_iter();
    let mut none = none.filter(|function| function.binary == "migrate");
    assert_eq!(none.next().unwrap().environment.get("S3_BUCKET"), None);
    deployment
        .function("migrate")
        .environment
        .remove("S3_BUCKET");
    let secret = json!({
        "BETTER_AUTH_SECRET": "a-secret-of-this-test-0123456789",
        "S3_BUCKET": "mine",
        "S3_ENDPOINT": endpoint,
        "S3_KEY": "key-of-the-secret",
        "S3_SECRET": "s",
    });
    let id = &deployment.app_secret;
    deployment
        .aws
        .change_secret(id, &secret.to_string())
        .await
        .unwrap();

    let instance = deployment.start("migrate").await.unwrap();
    let event = json!({ "task": "sweep" });
    let answer = instance.invoke(&event).await.unwrap().response;

    assert_eq!(answer["removed"]["objects of deleted files"], 1, "{answer}");
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(
        requests[0].starts_with("DELETE /mine/files/one "),
        "{requests:?}"
    );
    assert!(requests[0].contains("key-of-the-secret"), "{requests:?}");
}

/// Returns the names of the tables in the document, each with the cell of its column "In the secret", if it has one.
fn table(document: &str) -> Vec<(String, Option<String>)> {
    let path = testkit::workspace().join("docs").join(document);
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let names = cells[1].split('`').filter(|name| {
            name.len() > 3
                && name
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        });
        let last = (cells.len() > 5).then(|| cells[4].to_owned());
        names
            .map(|name| (name.to_owned(), last.clone()))
            .collect::<Vec<_>>()
    })
    .collect()
}

/// Every name of the tables can be set in a deployment: by a parameter, or in the secret, which takes effect only where the
/// template does not set the name itself.
#[test]
fn every_configuration_name_has_a_parameter_or_takes_effect_in_the_secret() {
    let environments = |parameters: &[(&str, &str)]| -> BTreeMap<String, BTreeMap<String, String>> {
        let functions = Stack::new(parameters, &[]).unwrap().functions().unwrap();
        let functions = functions.into_iter();
        functions
            .map(|function| (function.binary, function.environment))
            .collect()
    };
    // Names whose value depends on a parameter.
    let mut by_parameter = BTreeSet::new();
    for base in [&[][..], EXISTING] {
        let before = environments(base);
        let stack = Stack::new(base, &[]).unwrap();
        for (parameter, value) in stack.parameters() {
            let mut others = stack.allowed_values(parameter);
            if others.is_empty() {
                others = vec!["7".to_owned()];
            }
            for other in others.iter().filter(|other| value != other.as_str()) {
                let after = environments(&[base, &[(parameter, other)]].concat());
                for (function, environment) in &after {
                    for (name, value) in environment {
                        if before[function].get(name) != Some(value) {
                            by_parameter.insert(name.clone());
                        }
                    }
                }
            }
        }
    }
    // These names are set by the template, or read only outside Lambda.
    let fixed = ["METRICS_NAMESPACE", "NODE_ENV"];
    let fallback = environments(EXISTING);
    let mut unsettable = Vec::new();
    for (name, secret) in [table("configuration.md"), table("telemetry.md")].concat() {
        let from_secret = secret
            .as_ref()
            .is_some_and(|cell| !["", "–"].contains(&cell.as_str()));
        assert!(
            !from_secret || shared::config::names::is_known(&name),
            "{name}"
        );
        // The environment wins over the secret, unless it is empty.
        let takes_effect = fallback
            .values()
            .any(|environment| environment.get(&name).is_none_or(String::is_empty));
        let settable = by_parameter.contains(&name) || from_secret && takes_effect;
        if !settable && !name.starts_with("AWS_") && !fixed.contains(&name.as_str()) {
            unsettable.push(name);
        }
    }
    assert_eq!(unsettable, [""; 0]);
}
