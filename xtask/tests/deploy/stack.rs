//! Resources of a stack: their creation, deletion and costs.

use std::collections::BTreeSet;

use serde_json::json;
use xtask::{costs, template::Stack};

fn stack(parameters: &[(&str, &str)]) -> Stack {
    Stack::new(parameters, &[]).unwrap()
}

const PRODUCTION: &[(&str, &str)] = &[
    ("Environment", "production"),
    ("ConnectionProxy", "on"),
    ("NatGateways", "2"),
    ("DatabaseStandby", "on"),
    ("Alarms", "on"),
    ("AlarmEmail", "ops@example.com"),
    ("Bastion", "on"),
];

fn names(stack: &Stack, kind: &str) -> Vec<String> {
    let resources = stack.resources().unwrap().into_iter();
    let of_kind = resources.filter(|(_, found)| found == kind);
    of_kind.map(|(name, _)| name).collect()
}

/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-proxy.html#rds-proxy.limitations>
#[test]
fn the_proxy_can_assume_its_role() {
    let stack = stack(PRODUCTION);
    let role = stack.resource("DatabaseProxyRole").unwrap().unwrap();
    let trust = &role["AssumeRolePolicyDocument"]["Statement"];

    assert_eq!(
        *trust,
        json!([{
            "Effect": "Allow",
            "Principal": { "Service": "rds.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }])
    );
    // The proxy reads the secret with which its clients log in.
    let read = &role["Policies"][0]["PolicyDocument"]["Statement"][0];
    let proxy = stack.resource("DatabaseProxy").unwrap().unwrap();
    assert_eq!(read["Resource"], proxy["Auth"][0]["SecretArn"]);
}

#[test]
fn a_failed_first_deployment_rolls_back() {
    for parameters in [&[], PRODUCTION] {
        let stack = stack(parameters);
        let database = stack.resource("Database").unwrap().unwrap();
        assert_eq!(database["DeletionProtection"], false);
        for (name, _) in stack.resources().unwrap() {
            // `Retain` would leave the resource behind, and `Snapshot` is not needed for an empty cluster.
            let policy = stack.attribute(&name, "DeletionPolicy").unwrap().unwrap();
            assert!(
                policy.is_null() || policy == "RetainExceptOnCreate" || policy == "Delete",
                "{name}: {policy}"
            );
        }
    }
    let protected = stack(&[("DatabaseProtection", "on")]);
    let database = protected.resource("Database").unwrap().unwrap();
    assert_eq!(database["DeletionProtection"], true);
}

#[test]
fn data_are_retained_unless_their_deletion_is_requested() {
    let policies = |stack: &Stack, name: &str| {
        ["DeletionPolicy", "UpdateReplacePolicy"]
            .map(|policy| stack.attribute(name, policy).unwrap().unwrap_or_default())
    };
    let keeping = stack(PRODUCTION);
    for name in ["Data", "AppSecret", "AuthSecret", "FilesBucket"] {
        assert_eq!(
            policies(&keeping, name),
            ["RetainExceptOnCreate", "Retain"],
            "{name}"
        );
    }
    // The retained stack contains everything that the cluster needs. It contains nothing that would cost money without
    // the functions.
    let data = std::fs::read_to_string(testkit::workspace().join("data.yaml")).unwrap();
    for (name, kind) in keeping.resources().unwrap() {
        let kept = data.contains(&format!("\n  {name}:\n"));
        let needed = kind.starts_with("AWS::RDS") && !kind.contains("Proxy")
            || [
                "DatabaseSecurityGroup",
                "Network",
                "InternetGateway",
                "InternetGatewayAttachment",
            ]
            .contains(&name.as_str())
            || name.starts_with("PrivateSubnet") && !name.ends_with("Routes");
        assert_eq!(kept, needed, "{name}");
    }

    let asked = [PRODUCTION, &[("DatabaseRetention", "delete")]].concat();
    let deleting = stack(&asked);
    for (name, kind) in deleting.resources().unwrap() {
        let [deleted, replaced] = policies(&deleting, &name);
        assert!(
            deleted.is_null() || deleted == "Delete",
            "{name}: {deleted}"
        );
        let snapshot = replaced == "Snapshot" && name == "Database";
        // This is the policy of a function's versions. The versions are deleted together with the function.
        let versions = replaced == "Retain" && kind == "AWS::Serverless::Function";
        assert!(
            snapshot || versions || replaced.is_null() || replaced == "Delete",
            "{name}: {replaced}"
        );
    }
    // RDS would create a log group that is never deleted.
    let database = deleting.resource("Database").unwrap().unwrap();
    assert_eq!(database.get("EnableCloudwatchLogsExports"), None);
    // Without retention, each of these resources has another name, with `Disposable` before it.
    let names: Vec<_> = deleting
        .resources()
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for name in ["Data", "AppSecret", "AuthSecret", "FilesBucket"] {
        assert!(!names.contains(&name.to_owned()), "{name}");
        let disposable = format!("Disposable{name}");
        assert!(names.contains(&disposable), "{name}");
        let mut kept = keeping.resource(name).unwrap().unwrap();
        if name == "Data" {
            kept["Parameters"]["Keep"] = "off".into();
        }
        let disposable = deleting.resource(&disposable).unwrap().unwrap();
        assert_eq!(disposable, kept, "{name}");
    }
}

#[test]
fn a_snapshot_is_restored_with_its_own_database_and_owner() {
    let restored = stack(&[("DatabaseSnapshot", "before")]);
    let database = restored.resource("Database").unwrap().unwrap();
    assert_eq!(database["SnapshotIdentifier"], "before");
    assert_eq!(database.get("DatabaseName"), None);
    assert_eq!(database.get("MasterUsername"), None);
    assert_eq!(database["ManageMasterUserPassword"], true);

    let database = stack(&[]).resource("Database").unwrap().unwrap();
    assert_eq!(database.get("SnapshotIdentifier"), None);
    assert_eq!(database["MasterUsername"], "codecave");
}

#[test]
fn an_idle_development_stack_has_no_costs_for_its_network_and_database() {
    let small = stack(&[]);
    for kind in ["AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::RDS::DBProxy"] {
        assert_eq!(names(&small, kind), [""; 0], "{kind}");
    }
    assert_eq!(names(&small, "AWS::RDS::DBInstance"), ["DatabaseInstance"]);
    let database = small.resource("Database").unwrap().unwrap();
    let scaling = &database["ServerlessV2ScalingConfiguration"];
    assert_eq!(scaling["MinCapacity"], 0);
    assert_eq!(scaling["SecondsUntilAutoPause"], 900);
    // Without a NAT gateway the functions must run outside of the network to reach GitHub.
    let instance = small.resource("DatabaseInstance").unwrap().unwrap();
    assert_eq!(instance["PubliclyAccessible"], true);
    assert_eq!(instance["CACertificateIdentifier"], "rds-ca-rsa2048-g1");
    let parameters = small.resource("DatabaseParameters").unwrap().unwrap();
    assert_eq!(parameters["Parameters"]["rds.force_ssl"], "1");
    let route = small.resource("RouteOutA").unwrap().unwrap();
    assert_eq!(route["GatewayId"], "InternetGateway");
}

#[test]
fn production_has_two_gateways_and_two_database_instances() {
    let production = stack(PRODUCTION);
    let count = |kind| names(&production, kind).len();
    assert_eq!(count("AWS::EC2::NatGateway"), 2);
    assert_eq!(count("AWS::RDS::DBInstance"), 2);
    let gateway = |route| production.resource(route).unwrap().unwrap()["NatGatewayId"].clone();
    assert_eq!(gateway("RouteOutA"), "NatGatewayA");
    assert_eq!(gateway("RouteOutB"), "NatGatewayB");
    let instance = production.resource("DatabaseInstance").unwrap().unwrap();
    assert_eq!(instance["PubliclyAccessible"], false);
    for name in names(&production, "AWS::EC2::SecurityGroupIngress") {
        let rule = production.resource(&name).unwrap().unwrap();
        assert_eq!(rule.get("CidrIp"), None, "{name} is open to the internet");
    }
}

#[test]
fn the_availability_zones_support_rds_proxy() {
    let zones = |region| -> Vec<String> {
        let stack = stack(PRODUCTION).in_region(region);
        ["PrivateSubnetA", "PrivateSubnetB"]
            .map(|subnet| {
                let subnet = stack.resource(subnet).unwrap().unwrap();
                let zone = subnet
                    .get("AvailabilityZoneId")
                    .or(subnet.get("AvailabilityZone"));
                zone.unwrap().as_str().unwrap().to_owned()
            })
            .into()
    };
    assert_eq!(zones("us-east-1"), ["use1-az1", "use1-az2"]);
    assert_eq!(zones("us-west-1"), ["usw1-az1", "usw1-az3"]);
    assert_eq!(zones("eu-central-1"), ["eu-central-1a", "eu-central-1b"]);
}

#[test]
fn the_version_of_the_database_is_fixed() {
    let stack = stack(&[("DatabaseEngineVersion", "17.4"), ("DatabaseStandby", "on")]);
    let database = stack.resource("Database").unwrap().unwrap();
    assert_eq!(database["EngineVersion"], "17.4");
    let parameters = stack.resource("DatabaseParameters").unwrap().unwrap();
    assert_eq!(parameters["Family"], "aurora-postgresql17");
    for name in names(&stack, "AWS::RDS::DBInstance") {
        let instance = stack.resource(&name).unwrap().unwrap();
        assert_eq!(instance["AutoMinorVersionUpgrade"], false, "{name}");
    }
}

#[test]
fn the_network_rules_allow_redis_and_replicas() {
    let ports = |parameters: &[(&str, &str)]| -> BTreeSet<String> {
        let parameters = [PRODUCTION, parameters].concat();
        let group = stack(&parameters)
            .resource("FunctionSecurityGroup")
            .unwrap();
        let group = group.unwrap();
        let rules = group["SecurityGroupEgress"].as_array().unwrap().iter();
        let open = rules.filter(|rule| rule.get("CidrIp").is_some());
        open.map(|rule| format!("{}:{}", rule["CidrIp"].as_str().unwrap(), rule["ToPort"]))
            .collect()
    };
    assert_eq!(ports(&[]), ["0.0.0.0/0:443".to_owned()].into());
    let given = [("RedisCidr", "10.0.0.0/8"), ("ReplicaCidr", "10.9.0.0/16")];
    let expected = ["0.0.0.0/0:443", "10.0.0.0/8:6379", "10.9.0.0/16:5432"];
    assert_eq!(ports(&given), expected.map(str::to_owned).into());
}

#[test]
fn parameters_that_cannot_work_are_rejected() {
    let rejections = |parameters: &[(&str, &str)]| stack(parameters).rejections().unwrap();
    let production = ("Environment", "production");

    assert_eq!(rejections(&[]), [""; 0]);
    assert_eq!(rejections(PRODUCTION), [""; 0]);
    let receiver = [("Alarms", "on"), ("AlarmTopicArn", "arn:topic")];
    for (parameters, reason) in [
        (
            &[("DomainName", "api.example.com")][..],
            "needs CertificateArn",
        ),
        (
            &[("TrafficShifting", "Canary10Percent5Minutes")],
            "TrafficShifting needs Alarms",
        ),
        // A pooler belongs to an existing database, and a proxy to a new one.
        (
            &[production, ("DatabasePooler", "transaction")],
            "needs a limit for each function",
        ),
        (
            &[
                production,
                ("DatabaseSecretArn", "arn:mine"),
                ("ConnectionProxy", "on"),
            ],
            "needs a limit for each function",
        ),
        (&[("ConnectionProxy", "on")], "needs NatGateways"),
        (&[("Bastion", "on")], "needs NatGateways"),
        (&[("MonthlyBudget", "100")], "needs AlarmEmail"),
        (
            &[
                production,
                ("Alarms", "on"),
                ("ConnectionProxy", "on"),
                ("NatGateways", "2"),
            ],
            "need AlarmEmail or AlarmTopicArn",
        ),
        (
            &[production, ("UsersConcurrency", "9")],
            "needs a limit for each function",
        ),
    ] {
        let found = rejections(parameters);
        assert!(found.len() == 1 && found[0].contains(reason), "{found:?}");
    }
    let limits =
        ["Auth", "Users", "Projects", "Social", "Health"].map(|name| format!("{name}Concurrency"));
    let mut limited = vec![production];
    limited.extend(limits.iter().map(|name| (name.as_str(), "15")));
    assert_eq!(rejections(&limited), [""; 0]);
    let pooled = [
        production,
        ("DatabaseSecretArn", "arn:mine"),
        ("DatabasePooler", "transaction"),
    ];
    assert_eq!(rejections(&[&pooled[..], &receiver].concat()), [""; 0]);
}

/// The agent cannot be installed at the first boot: the NAT gateway may not exist yet, so the instance may not reach the internet.
#[test]
fn the_image_of_the_bastion_has_the_agent_of_session_manager() {
    let stack = stack(PRODUCTION);
    let bastion = stack.resource("BastionInstance").unwrap().unwrap();
    let image = bastion["ImageId"].as_str().unwrap();
    assert!(
        image.contains("/al2023-ami-kernel-default-arm64"),
        "{image}"
    );
    assert_eq!(bastion.get("UserData"), None);
    let role = stack.resource("BastionRole").unwrap().unwrap();
    let policy = role["ManagedPolicyArns"][0].as_str().unwrap();
    assert!(
        policy.ends_with("/AmazonSSMManagedInstanceCore"),
        "{policy}"
    );
}

/// The configuration in the repository names no receiver of alarms. Each deployment of production must add one.
#[test]
fn production_is_rejected_until_its_alarms_have_a_receiver() {
    for environment in ["default", "dev", "staging", "production"] {
        let configured = costs::environment(environment).unwrap();
        let mut parameters: Vec<_> = configured
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert!(
            !parameters
                .iter()
                .any(|(name, _)| name.starts_with("Alarm") && *name != "Alarms"),
            "{parameters:?}"
        );
        let found = stack(&parameters).rejections().unwrap();
        if environment != "production" {
            assert_eq!(found, [""; 0], "{environment}");
            continue;
        }
        assert_eq!(
            found,
            ["The alarms of production need AlarmEmail or AlarmTopicArn"]
        );
        for receiver in [
            ("AlarmEmail", "a@example.com"),
            ("AlarmTopicArn", "arn:topic"),
        ] {
            parameters.push(receiver);
            assert_eq!(stack(&parameters).rejections().unwrap(), [""; 0]);
            parameters.pop();
        }
    }
}

#[test]
fn each_function_has_its_own_concurrency_limit() {
    let stack = stack(&[("ProjectsConcurrency", "7")]);
    for (function, expected) in [
        ("ProjectsFunction", json!(7)),
        ("AuthFunction", json!(null)),
    ] {
        let properties = stack.resource(function).unwrap().unwrap();
        let limit = &properties["ReservedConcurrentExecutions"];
        assert_eq!(limit.to_string().trim_matches('"'), expected.to_string());
    }
}
