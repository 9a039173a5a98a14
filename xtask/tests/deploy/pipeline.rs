//! `.ci/deploy`, with programs that record their arguments instead of the AWS CLI and SAM.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::Command,
};

use testkit::workspace;

/// Returns the version 7 of each alias, and version 8 of `auth` after the deployment.
const AWS: &str = r#"#!/bin/sh
echo "aws $*" >> "$CALLS"
case "$*" in
    *get-alias*-auth\ *) if [ -e "$CALLS.deployed" ]; then echo 8; else echo 7; fi ;;
    *get-alias*) echo 7 ;;
esac
"#;

const SAM: &str = r#"#!/bin/sh
echo "sam $*" >> "$CALLS"
touch "$CALLS.deployed"
"#;

/// Runs the script. Returns whether it succeeds, and the calls of the programs.
fn deploy(check: &str) -> (bool, Vec<String>) {
    let folder = std::env::temp_dir().join(format!("xtask-pipeline-{}", uuid::Uuid::new_v4()));
    fs::create_dir(&folder).unwrap();
    let program = |name: &str, text: &str| -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        path
    };
    program("aws", AWS);
    program("sam", SAM);
    let check = program(
        "check",
        &format!("#!/bin/sh\necho \"check $*\" >> \"$CALLS\"\n{check}\n"),
    );
    let calls = folder.join("calls");
    let path = std::env::var("PATH").unwrap();
    let status = Command::new(workspace().join(".ci/deploy"))
        .args([
            "production",
            "abc",
            "https://api.example",
            "https://page.example",
        ])
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("CALLS", &calls)
        .env("SMOKE", check)
        .env("ALARM_EMAIL", "ops@example.com")
        .env("PROVIDERS", "github")
        .output()
        .unwrap()
        .status;
    let text = fs::read_to_string(calls).unwrap();
    fs::remove_dir_all(folder).unwrap();
    (status.success(), text.lines().map(str::to_owned).collect())
}

fn moved(calls: &[String]) -> Vec<&str> {
    let calls = calls.iter().map(String::as_str);
    calls.filter(|call| call.contains("update-alias")).collect()
}

#[test]
fn a_deployment_that_passes_its_check_stays() {
    let (succeeded, calls) = deploy("true");

    assert!(succeeded, "{calls:#?}");
    let sam = calls.iter().find(|call| call.starts_with("sam ")).unwrap();
    for part in [
        "--template-file built/template.yaml",
        "--config-env production",
        "Environment=production ",
        "NatGateways=2 ",
        " AlarmEmail=ops@example.com ",
        " Release=abc",
    ] {
        assert!(sam.contains(part), "{part}: {sam}");
    }
    let check = "check smoke https://api.example --origin https://page.example --providers github";
    assert!(calls.iter().any(|call| call == check), "{calls:#?}");
    assert_eq!(moved(&calls), [""; 0]);
}

#[test]
fn a_deployment_that_fails_its_check_is_rolled_back() {
    let (succeeded, calls) = deploy("false");

    assert!(!succeeded);
    let moved = moved(&calls);
    assert_eq!(moved.len(), 1, "only auth has changed: {calls:#?}");
    assert!(
        moved[0]
            .contains("--function-name codecave-production-auth --name live --function-version 7")
    );
}

/// Returns the script of a step of a workflow.
fn script(workflow: &str, step: &str) -> String {
    let path = workspace().join(".github/workflows").join(workflow);
    let workflow: yaml_serde::Value =
        yaml_serde::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let jobs = workflow["jobs"].as_mapping().unwrap().values();
    let mut steps = jobs.flat_map(|job| job["steps"].as_sequence().into_iter().flatten());
    let step = steps.find(|found| found["name"] == step).unwrap();
    step["run"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_built_can_be_unpacked_into_a_checkout() {
    let folder = std::env::temp_dir().join(format!("xtask-pipeline-{}", uuid::Uuid::new_v4()));
    let run = |name: &str, script: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-euc", script]).current_dir(folder.join(name));
        assert!(bash.status().unwrap().success(), "{script}");
    };
    for name in ["build/built", "build/target/debug", "deploy/xtask/src"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    fs::write(folder.join("build/target/debug/xtask"), "").unwrap();
    let build = script("deploy.yml", "Build the functions and the smoke test");
    let copy = build.lines().find(|line| line.starts_with("cp ")).unwrap();
    run("build", copy);
    run("build", &script("deploy.yml", "Pack"));
    run("build", "mv built.tar.zst ../deploy");

    run("deploy", &script("deploy-to.yml", "Unpack"));

    // The file that `.ci/deploy` runs.
    assert!(folder.join("deploy/built/xtask").is_file());
    let deploy = fs::read_to_string(workspace().join(".ci/deploy")).unwrap();
    assert!(deploy.contains("${SMOKE:-built/xtask}"));
    fs::remove_dir_all(folder).unwrap();
}
