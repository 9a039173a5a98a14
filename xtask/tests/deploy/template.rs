//! The environment, permissions and routes of the functions, by parameters of the template.

use std::collections::{BTreeMap, BTreeSet};

use xtask::{bundle::FUNCTIONS, template::Stack};

/// Returns the variables by function.
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
fn every_function_exists_once() {
    let binaries: BTreeSet<String> = environments(&[]).into_keys().collect();

    let expected = FUNCTIONS.into_iter().chain(["migrate"]);
    assert_eq!(binaries, expected.map(str::to_owned).collect());
}

#[test]
fn each_function_has_the_variables_of_its_group() {
    let common = [
        "APP_SECRETS_ID",
        "BETTER_AUTH_TRUSTED_ORIGINS",
        "BETTER_AUTH_URL",
        "CLIENT_IP_HEADER",
        "COOKIE_SAME_SITE",
        "DATABASE_POOLER",
        "DATABASE_SECRET_ID",
        "DATABASE_URL",
        "FRONTEND_URL",
        "METRICS_NAMESPACE",
        "NODE_ENV",
        "RUST_LOG",
        "SENTRY_ENVIRONMENT",
        "SENTRY_RELEASE",
        "SETTINGS_DIGEST",
    ];
    let environments = environments(&[]);

    for name in ["users", "social"] {
        assert_eq!(names(&environments[name]), common, "{name}");
    }
    let mut projects = common.to_vec();
    projects.insert(12, "S3_BUCKET");
    assert_eq!(names(&environments["projects"]), projects);
    let mut auth = common.to_vec();
    auth.insert(1, "AUTH_SECRETS_ID");
    assert_eq!(names(&environments["auth"]), auth);
    let mut health = projects.clone();
    health.insert(15, "SENTRY_TEST_ROUTES");
    assert_eq!(names(&environments["health"]), health);
    let migrate = [
        "APP_SECRETS_ID",
        "DATABASE_POOLER",
        "DATABASE_ROLE_SECRET_ID",
        "DATABASE_SECRET_ID",
        "DATABASE_URL",
        "NODE_ENV",
        "RUST_LOG",
        "S3_BUCKET",
    ];
    assert_eq!(names(&environments["migrate"]), migrate);
}

#[test]
fn a_new_database_is_reached_over_verified_tls_and_not_as_its_owner() {
    for (proxy, host, pooler) in [
        ("off", "Database.Endpoint.Address", "none"),
        ("on", "DatabaseProxy.Endpoint", "transaction"),
    ] {
        for (name, environment) in environments(&[("ConnectionProxy", proxy)]) {
            // Migrations would pin a connection of the proxy, and the proxy has no credentials of the owner.
            let (host, pooler, secret) = match name.as_str() {
                "migrate" => (
                    "Database.Endpoint.Address",
                    "none",
                    "Database.MasterUserSecret.SecretArn",
                ),
                _ => (host, pooler, "DatabaseUserSecret"),
            };
            let url = format!("postgres://{host}:5432/codecave?sslmode=verify-full");
            assert_eq!(environment["DATABASE_URL"], url, "{name}");
            assert_eq!(environment["DATABASE_POOLER"], pooler, "{name}");
            assert_eq!(environment["DATABASE_SECRET_ID"], secret, "{name}");
        }
    }
}

#[test]
fn an_existing_database_is_configured_by_its_secret() {
    for (name, environment) in environments(&[("DatabaseSecretArn", "arn:mine")]) {
        assert_eq!(environment["DATABASE_SECRET_ID"], "arn:mine", "{name}");
        assert_eq!(environment.get("DATABASE_URL"), None, "{name}");
        assert_eq!(environment.get("DATABASE_ROLE_SECRET_ID"), None, "{name}");
        assert_eq!(environment["DATABASE_POOLER"], "none", "{name}");
    }
    let stack = Stack::new(&[("DatabaseSecretArn", "arn:mine")], &[]).unwrap();
    for (name, kind) in stack.resources().unwrap() {
        assert!(
            !kind.starts_with("AWS::EC2") && !kind.starts_with("AWS::RDS"),
            "{name}"
        );
    }
}

#[test]
fn the_public_address_is_the_apis_own_by_default() {
    let url =
        |parameters: &[(&str, &str)]| environments(parameters)["auth"]["BETTER_AUTH_URL"].clone();

    assert_eq!(url(&[]), "Api.ApiEndpoint");
    let domain = ("DomainName", "api.codecave.tech");
    assert_eq!(url(&[domain]), "https://api.codecave.tech");
    let public = ("PublicUrl", "https://codecave.tech");
    assert_eq!(url(&[domain, public]), "https://codecave.tech");
}

#[test]
fn policies_allow_each_function_its_own_secrets() {
    for function in Stack::new(&[], &[]).unwrap().functions().unwrap() {
        let expected: &[(&str, &str)] = match function.binary.as_str() {
            "migrate" => &[
                ("GetSecretValue", "AppSecret"),
                ("GetSecretValue", "Database.MasterUserSecret.SecretArn"),
                ("GetSecretValue", "DatabaseUserSecret"),
                ("PutSecretValue", "DatabaseUserSecret"),
            ],
            "auth" => &[
                ("GetSecretValue", "AppSecret"),
                ("GetSecretValue", "AuthSecret"),
                ("GetSecretValue", "DatabaseUserSecret"),
            ],
            _ => &[
                ("GetSecretValue", "AppSecret"),
                ("GetSecretValue", "DatabaseUserSecret"),
            ],
        };
        let expected = expected
            .iter()
            .map(|(action, secret)| (format!("secretsmanager:{action}"), (*secret).to_owned()))
            .collect();
        let (storage, others): (BTreeSet<_>, BTreeSet<_>) = function
            .allowed
            .into_iter()
            .partition(|(action, _)| action.starts_with("s3:"));
        assert_eq!(others, expected, "{}", function.binary);
        let has_bucket = ["migrate", "projects"].contains(&function.binary.as_str());
        assert_eq!(!storage.is_empty(), has_bucket, "{}", function.binary);
    }
}

/// The calls are those of `shared::storage` and of clients with signed URLs.
#[test]
fn policies_allow_the_calls_to_the_bucket_and_no_others() {
    let allowed = |bucket: &str| {
        let stack = Stack::new(&[("StorageBucket", bucket)], &[]).unwrap();
        let functions = stack.functions().unwrap().into_iter();
        let allowed = functions.flat_map(|function| function.allowed);
        allowed
            .filter(|(action, _)| action.starts_with("s3:"))
            .map(|(action, resource)| {
                let place = resource.rsplit(":::").next().unwrap_or_default();
                format!("{action} {place}")
            })
            .collect::<BTreeSet<_>>()
    };
    let expected = |bucket: &str| {
        [
            "s3:DeleteObject BUCKET/files/*",
            "s3:DeleteObject BUCKET/images/*",
            "s3:DeleteObject BUCKET/pending/*",
            "s3:GetObject BUCKET/files/*",
            "s3:GetObject BUCKET/images/*",
            "s3:GetObject BUCKET/pending/*",
            "s3:ListBucket BUCKET",
            "s3:PutObject BUCKET/files/*",
            "s3:PutObject BUCKET/images/*",
            "s3:PutObject BUCKET/pending/*",
        ]
        .map(|call| call.replace("BUCKET", bucket))
        .into()
    };

    assert_eq!(allowed(""), expected("FilesBucket"));
    assert_eq!(allowed("mine"), expected("mine"));
    assert_eq!(allowed("none"), BTreeSet::new());
}

#[test]
fn a_group_can_be_routed_to_the_node_application() {
    let node = ("NodeUrl", "https://node.codecave.tech");
    let stack = Stack::new(&[("UsersBackend", "node"), node], &[]).unwrap();
    let without = Stack::new(&[("UsersBackend", "node")], &[]).unwrap();
    assert_eq!(
        without.rejections().unwrap(),
        ["A group whose backend is node needs NodeUrl"]
    );

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
            let yaml_serde::Value::Tagged(waits) = &resource["Properties"]["VersionDescription"]
            else {
                panic!("{name} does not refer to the migrations");
            };
            assert_eq!(waits.tag.to_string(), "!GetAtt", "{name}");
            assert_eq!(waits.value, "Migration.SettingsDigest", "{name}");
        }
    }
    let migration = &template["Resources"]["Migration"]["Properties"];
    let yaml_serde::Value::Tagged(code) = &migration["Code"] else {
        panic!("the resource does not depend on the code's version");
    };
    assert_eq!(code.value, "MigrateFunction.Version");
}
