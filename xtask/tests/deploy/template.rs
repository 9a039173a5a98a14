//! What the template says, for the ways to configure it.

use std::collections::{BTreeMap, BTreeSet};

use xtask::{bundle::FUNCTIONS, template::Stack};

/// Variables by function.
fn environments(parameters: &[(&str, &str)]) -> BTreeMap<String, BTreeMap<String, String>> {
    Stack::new(parameters, &[])
        .unwrap()
        .functions()
        .unwrap()
        .into_iter()
        .map(|function| (function.binary, function.environment))
        .collect()
}

fn names(environment: &BTreeMap<String, String>) -> Vec<&str> {
    environment.keys().map(String::as_str).collect()
}

#[test]
fn every_function_is_there_once() {
    let binaries: BTreeSet<String> = environments(&[]).into_keys().collect();

    let expected = FUNCTIONS.into_iter().chain(["migrate"]);
    assert_eq!(binaries, expected.map(str::to_owned).collect());
}

#[test]
fn each_function_is_given_what_its_group_needs() {
    let common = [
        "APP_SECRETS_ID",
        "BETTER_AUTH_URL",
        "CLIENT_IP_HEADER",
        "DATABASE_POOLER",
        "DATABASE_SECRET_ID",
        "DATABASE_URL",
        "FRONTEND_URL",
        "NODE_ENV",
        "RUST_LOG",
        "SENTRY_ENVIRONMENT",
        "SENTRY_RELEASE",
    ];
    let environments = environments(&[]);

    for name in ["auth", "users", "projects", "social"] {
        assert_eq!(names(&environments[name]), common, "{name}");
    }
    let mut health = common.to_vec();
    health.push("SENTRY_TEST_ROUTES");
    assert_eq!(names(&environments["health"]), health);
    let migrate = [
        "DATABASE_POOLER",
        "DATABASE_SECRET_ID",
        "DATABASE_URL",
        "NODE_ENV",
        "RUST_LOG",
    ];
    assert_eq!(names(&environments["migrate"]), migrate);
}

#[test]
fn a_new_database_is_reached_through_its_proxy_over_verified_tls() {
    for (name, environment) in environments(&[]) {
        assert_eq!(
            environment["DATABASE_URL"],
            "postgres://DatabaseProxy.Endpoint:5432/codecave?sslmode=verify-full",
            "{name}"
        );
        assert_eq!(environment["DATABASE_POOLER"], "transaction", "{name}");
        assert_eq!(
            environment["DATABASE_SECRET_ID"], "Database.MasterUserSecret.SecretArn",
            "{name}"
        );
    }
}

#[test]
fn an_existing_database_is_what_its_secret_says() {
    for (name, environment) in environments(&[("DatabaseSecretArn", "arn:mine")]) {
        assert_eq!(environment["DATABASE_SECRET_ID"], "arn:mine", "{name}");
        assert_eq!(environment.get("DATABASE_URL"), None, "{name}");
        assert_eq!(environment["DATABASE_POOLER"], "none", "{name}");
    }
    let stack = Stack::new(&[("DatabaseSecretArn", "arn:mine")], &[]).unwrap();
    for resource in ["Network", "NatGateway", "Database", "DatabaseProxy"] {
        assert_eq!(stack.resource(resource).unwrap(), None, "{resource}");
    }
}

#[test]
fn the_public_address_is_the_api_s_own_unless_told_otherwise() {
    let url =
        |parameters: &[(&str, &str)]| environments(parameters)["auth"]["BETTER_AUTH_URL"].clone();

    assert_eq!(url(&[]), "Api.ApiEndpoint");
    let domain = ("DomainName", "api.codecave.tech");
    assert_eq!(url(&[domain]), "https://api.codecave.tech");
    let public = ("PublicUrl", "https://codecave.tech");
    assert_eq!(url(&[domain, public]), "https://codecave.tech");
}

#[test]
fn policies_allow_reading_two_secrets_by_name() {
    for function in Stack::new(&[], &[]).unwrap().functions().unwrap() {
        let mut secrets = vec!["Database.MasterUserSecret.SecretArn"];
        if function.binary != "migrate" {
            secrets.insert(0, "AppSecret");
        }
        let expected = secrets
            .into_iter()
            .map(|secret| {
                (
                    "secretsmanager:GetSecretValue".to_owned(),
                    secret.to_owned(),
                )
            })
            .collect();
        assert_eq!(function.allowed, expected, "{}", function.binary);
    }
}

#[test]
fn a_group_can_be_left_to_the_node_deployment() {
    let node = ("NodeUrl", "https://node.codecave.tech");
    let stack = Stack::new(&[("UsersBackend", "node"), node], &[]).unwrap();

    let users = stack.resource("UsersIntegration").unwrap().unwrap();
    assert_eq!(users["IntegrationType"], "HTTP_PROXY");
    assert_eq!(users["IntegrationUri"], "https://node.codecave.tech");
    assert_eq!(
        users["RequestParameters"]["overwrite:path"],
        "$request.path"
    );
    let social = stack.resource("SocialIntegration").unwrap().unwrap();
    assert_eq!(social["IntegrationType"], "AWS_PROXY");
    assert_eq!(social["IntegrationUri"], "SocialFunction.Alias");
    assert_eq!(social.get("RequestParameters"), None);
}

#[test]
fn new_code_waits_for_the_migrations() {
    let template = std::fs::read_to_string(testkit::workspace().join("template.yaml")).unwrap();
    let template: yaml_serde::Value = yaml_serde::from_str(&template).unwrap();
    let resources = template["Resources"].as_mapping().unwrap();

    for (name, resource) in resources {
        let name = name.as_str().unwrap();
        if resource["Type"] == "AWS::Serverless::Function" && name != "MigrateFunction" {
            assert_eq!(resource["DependsOn"], "Migration", "{name}");
        }
    }
    let migration = &template["Resources"]["Migration"]["Properties"];
    let yaml_serde::Value::Tagged(code) = &migration["Code"] else {
        panic!("it does not change with the code");
    };
    assert_eq!(code.value, "MigrateFunction.Version");
}
