//! Alarms, metrics and costs, and their descriptions in the documents.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use testkit::workspace;
use xtask::{bundle::FUNCTIONS, costs, template::Stack};

const ALL: &[(&str, &str)] = &[
    ("Environment", "production"),
    ("ConnectionProxy", "on"),
    ("NatGateways", "2"),
    ("Alarms", "on"),
    ("AlarmTopicArn", "arn:topic"),
    ("TrafficShifting", "Canary10Percent5Minutes"),
];

fn document(name: &str) -> String {
    fs::read_to_string(workspace().join("docs").join(name)).unwrap()
}

fn alarms(stack: &Stack) -> Vec<(String, Value)> {
    let resources = stack.resources().unwrap().into_iter();
    resources
        .filter(|(_, kind)| kind == "AWS::CloudWatch::Alarm")
        .map(|(name, _)| {
            let alarm = stack.resource(&name).unwrap().unwrap();
            (name, alarm)
        })
        .collect()
}

#[test]
fn every_alarm_has_an_action_and_a_runbook() {
    let stack = Stack::new(ALL, &[]).unwrap();
    let runbook = document("operations.md");
    let alarms = alarms(&stack);
    assert!(alarms.len() >= 14, "{alarms:?}");

    for (name, alarm) in alarms {
        assert_eq!(alarm["AlarmActions"][0], "arn:topic", "{name}");
        let description = alarm["AlarmDescription"].as_str().unwrap();
        let (_, entry) = description.rsplit_once("docs/operations.md, ").unwrap();
        assert!(name.ends_with(entry), "{name}: {description}");
        assert!(
            runbook.contains(&format!("\n### {entry}\n")),
            "{entry} has no runbook"
        );
    }
    let made = Stack::new(&ALL[..4], &[]).unwrap();
    let topic = &self::alarms(&made)[0].1["AlarmActions"][0];
    assert_eq!(*topic, "AlarmTopic");
}

#[test]
fn an_outage_with_few_requests_raises_an_alarm() {
    let stack = Stack::new(ALL, &[]).unwrap();
    let alarm = stack.resource("ServerErrorAlarm").unwrap().unwrap();
    assert_eq!(
        alarm["Metrics"][0]["Expression"],
        "IF(failed >= 10 OR 2 * failed > all, 100 * failed / all, 0)"
    );
    // RDS Proxy sends sums, of which CloudWatch has no percentiles.
    for alarm in ["PinnedAlarm", "BorrowAlarm"] {
        let alarm = stack.resource(alarm).unwrap().unwrap();
        assert_eq!(alarm["Statistic"], "Average");
    }
}

/// A tenth of failed requests rolls the deployment back, however few requests there are.
#[test]
fn the_alarm_of_a_version_counts_its_own_errors() {
    let stack = Stack::new(ALL, &[]).unwrap();
    for function in FUNCTIONS {
        let name = function[..1].to_uppercase() + &function[1..];
        let properties = stack.resource(&format!("{name}Function")).unwrap().unwrap();
        let alarm = format!("{name}VersionAlarm");
        assert_eq!(
            properties["DeploymentPreference"]["Alarms"][0],
            alarm.as_str()
        );
        let version = format!("{name}Function.Version.Version");
        let alarm = stack.resource(&alarm).unwrap().unwrap();
        let metrics = alarm["Metrics"].as_array().unwrap();
        let expression = metrics[0]["Expression"].as_str().unwrap();
        assert!(
            !expression.contains(">="),
            "the alarm has a minimum of requests: {expression}"
        );
        for metric in &metrics[1..] {
            let dimensions = metric["MetricStat"]["Metric"]["Dimensions"]
                .as_array()
                .unwrap();
            assert!(
                dimensions
                    .iter()
                    .any(|dimension| dimension["Value"] == version.as_str())
            );
        }
        // The functions write metrics with these names.
        let written = &metrics[1]["MetricStat"]["Metric"];
        assert_eq!(written["Namespace"], "codecave-test");
        assert_eq!(written["Dimensions"][0]["Value"], function);
    }
}

#[test]
fn deployments_have_metrics_of_their_own_whose_number_is_documented() {
    for function in Stack::new(&[], &[]).unwrap().functions().unwrap() {
        let namespace = function.environment.get("METRICS_NAMESPACE");
        let expected = (function.binary != "migrate").then(|| "codecave-test".to_owned());
        assert_eq!(namespace.cloned(), expected, "{}", function.binary);
    }
    let count = costs::custom_metrics().unwrap();
    assert!(count < 330, "{count} custom metrics");
    let text = document("telemetry.md");
    assert!(
        text.contains(&format!("**{count} custom metrics**")),
        "{count}"
    );
}

#[test]
fn the_documented_costs_are_up_to_date() {
    let text = document("deployment.md");
    let table = costs::table().unwrap();
    assert!(
        text.contains(&table),
        "run `cargo xtask costs --write`\n{table}"
    );
}

/// Collects the files of a folder. Follows links, as `sam build --cached` and `sam sync` do.
fn files(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if fs::metadata(&path).unwrap().is_dir() {
            files(&path, found);
        } else {
            found.insert(path.canonicalize().unwrap());
        }
    }
}

/// SAM rebuilds a function only if a file in its folder changes. It follows links.
#[test]
fn a_change_of_shared_code_rebuilds_every_function() {
    let mut shared = BTreeSet::new();
    for folder in ["shared", "migrations", ".sqlx"] {
        files(&workspace().join(folder), &mut shared);
    }
    shared.insert(workspace().join("Cargo.lock").canonicalize().unwrap());
    shared.insert(workspace().join("Cargo.toml").canonicalize().unwrap());

    for function in FUNCTIONS.into_iter().chain(["migrate"]) {
        let mut seen = BTreeSet::new();
        files(&workspace().join("functions").join(function), &mut seen);
        let missing: Vec<_> = shared.difference(&seen).collect();
        assert!(missing.is_empty(), "{function}: {missing:?}");
    }
    let settings = fs::read_to_string(workspace().join("samconfig.toml")).unwrap();
    assert!(
        !settings.contains("beta_features"),
        "the build method needs no beta feature"
    );
}

#[test]
fn every_configuration_name_can_be_set_in_the_secret() {
    // Names that are read before the secret, or that are in another secret.
    let elsewhere = [
        "APP_SECRETS_ID",
        "AUTH_SECRETS_ID",
        "DATABASE_SECRET_ID",
        "METRICS_NAMESPACE",
    ];
    let mut missing = Vec::new();
    for text in [document("configuration.md"), document("telemetry.md")] {
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            let cell = row.split('|').nth(1).unwrap();
            for name in cell.split('`').filter(|name| {
                name.len() > 3
                    && name
                        .chars()
                        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            }) {
                let known = shared::config::names::is_known(name);
                if !known && !name.starts_with("AWS_") && !elsewhere.contains(&name) {
                    missing.push(name.to_owned());
                }
            }
        }
    }
    assert_eq!(
        missing, [""; 0],
        "names of the tables that a secret cannot set"
    );
}
