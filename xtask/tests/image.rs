//! The content of the container image, which is the same as that of `Dockerfile`.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use serde_json::{Value, json};
use testkit::workspace;
use xtask::image::{Description, Image, Layer, Unpacked};

const PROGRAM: &[u8] = b"\x7fELF a program";

fn image() -> Image {
    let description = Description {
        version: "1.2.3".to_owned(),
        revision: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        created: "2026-01-02T03:04:05Z".to_owned(),
    };
    Image::new(&Layer::new(PROGRAM.to_vec()).unwrap(), &description).unwrap()
}

/// Writes the image into a folder of the test's own, and unpacks it there.
fn unpacked(folder: &Path) -> Unpacked {
    let archive = folder.join("codecave.tar");
    fs::write(&archive, image().archive().unwrap()).unwrap();
    Unpacked::new(&archive, folder).unwrap()
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_same_program_gives_the_same_image() {
    assert_eq!(image().digest(), image().digest());
    assert!(image().archive().unwrap() == image().archive().unwrap());
}

#[test]
fn the_root_has_the_program_the_certificates_and_a_user_and_nothing_else() {
    let folder = folder("image-root");
    unpacked(&folder);
    let root = folder.join("root");

    assert_eq!(fs::read(root.join("codecave")).unwrap(), PROGRAM);
    let mode = root.join("codecave").metadata().unwrap().permissions();
    assert_eq!(mode.mode() & 0o7777, 0o755);
    let certificates = fs::read_to_string(root.join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(certificates.matches("-----BEGIN CERTIFICATE-----").count() > 100);
    let users = fs::read_to_string(root.join("etc/passwd")).unwrap();
    assert_eq!(users, "codecave:x:10001:10001::/:/\n");
    let names = |folder: &str| {
        let mut names: Vec<_> = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(""), ["codecave", "etc"]);
    assert_eq!(names("etc"), ["group", "nsswitch.conf", "passwd", "ssl"]);
}

#[test]
fn an_engine_finds_the_image_in_the_layout_and_in_the_older_format() {
    let folder = folder("image-layout");
    unpacked(&folder);
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(folder.join("layout").join(name)).unwrap()).unwrap()
    };

    assert_eq!(read("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }));
    let index = read("index.json");
    assert_eq!(index["manifests"][0]["digest"], json!(image().digest()));
    assert_eq!(index["manifests"][0]["platform"]["os"], "linux");
    let docker = read("manifest.json");
    assert_eq!(docker[0]["RepoTags"], json!(["codecave:1.2.3"]));
    for path in [&docker[0]["Config"], &docker[0]["Layers"][0]] {
        assert!(folder.join("layout").join(path.as_str().unwrap()).is_file());
    }
}

#[test]
fn a_changed_layer_is_noticed() {
    let folder = folder("image-changed");
    let archive = folder.join("codecave.tar");
    let mut bytes = image().archive().unwrap();
    // The layer is the last file, before two empty blocks and its padding.
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last] ^= 1;
    fs::write(&archive, bytes).unwrap();

    let error = Unpacked::new(&archive, &folder).err().unwrap().to_string();

    assert!(error.contains("another size or digest"), "{error}");
}

/// The values of an instruction in the last stage of `Dockerfile`.
fn instructions(name: &str) -> Vec<String> {
    let text = fs::read_to_string(workspace().join("Dockerfile")).unwrap();
    let text = text.replace("\\\n", " ");
    let (_, last) = text.rsplit_once("\nFROM ").unwrap();
    last.lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn the_dockerfile_has_the_same_settings() {
    let image = unpacked(&folder("image-dockerfile"));
    let config = image.config;
    let one = |name: &str| -> String {
        let found = instructions(name);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found.into_iter().next().unwrap()
    };
    let parsed = |name: &str| -> Value { serde_json::from_str(&one(name)).unwrap() };

    assert_eq!(config["User"], one("USER"));
    assert_eq!(config["Entrypoint"], parsed("ENTRYPOINT"));
    assert_eq!(config["Cmd"], parsed("CMD"));
    assert_eq!(config["WorkingDir"], one("WORKDIR"));
    assert_eq!(config["StopSignal"], one("STOPSIGNAL"));
    assert_eq!(
        config["Env"],
        json!(one("ENV").split(' ').collect::<Vec<_>>())
    );
    assert_eq!(
        config["ExposedPorts"],
        json!({ format!("{}/tcp", one("EXPOSE")): {} })
    );
    let check = &config["Healthcheck"];
    let seconds = |name: &str| check[name].as_u64().unwrap() / 1_000_000_000;
    assert_eq!(check["Test"], json!(["CMD", "/codecave", "healthcheck"]));
    assert_eq!(
        one("HEALTHCHECK"),
        format!(
            "--interval={}s --timeout={}s --start-period={}s --retries={} CMD [\"/codecave\", \"healthcheck\"]",
            seconds("Interval"),
            seconds("Timeout"),
            seconds("StartPeriod"),
            check["Retries"]
        )
    );
    let labels = one("LABEL");
    for (name, value) in config["Labels"].as_object().unwrap() {
        assert!(labels.contains(&format!("{name}=")), "{name}: {labels}");
        if matches!(
            name.as_str(),
            "org.opencontainers.image.title" | "org.opencontainers.image.licenses"
        ) {
            assert!(labels.contains(value.as_str().unwrap()), "{labels}");
        }
    }
}

#[test]
fn the_program_is_readable_by_its_user() {
    let folder = folder("image-mode");
    unpacked(&folder);
    for path in ["etc", "etc/ssl", "etc/ssl/certs"] {
        let mode = folder.join("root").join(path).metadata().unwrap().mode();
        assert_eq!(mode & 0o777, 0o755, "{path}");
    }
}

fn compose(name: &str) -> Value {
    let text = fs::read_to_string(workspace().join(name)).unwrap();
    yaml_serde::from_str(&text).unwrap()
}

#[test]
fn the_composition_migrates_before_it_serves_and_sets_known_variables_only() {
    let composition = compose("compose.yaml");
    let program = &composition["x-program"];

    let image = format!("codecave:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(program["image"], json!(image));
    let api = &composition["services"]["api"];
    assert_eq!(api["command"], json!(["all"]));
    assert_eq!(
        api["depends_on"]["migrate"]["condition"],
        "service_completed_successfully"
    );
    let migrate = &composition["services"]["migrate"];
    assert_eq!(migrate["command"], json!(["migrate"]));
    for name in program["environment"].as_object().unwrap().keys() {
        assert!(shared::config::names::is_known(name), "{name}");
    }
}

#[test]
fn both_compositions_use_the_same_servers_and_publish_them_on_this_machine_only() {
    let [whole, dev] = ["compose.yaml", "compose.dev.yaml"].map(compose);

    for (name, service) in dev["services"].as_object().unwrap() {
        assert_eq!(service["image"], whole["services"][name]["image"], "{name}");
    }
    for composition in [whole, dev] {
        for (name, service) in composition["services"].as_object().unwrap() {
            for port in service["ports"].as_array().into_iter().flatten() {
                let port = port.as_str().unwrap();
                assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
            }
        }
    }
}
