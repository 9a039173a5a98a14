//! The image as an OCI image layout in one archive: <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>.
//! `manifest.json` makes it an archive of `docker save`, too, which older engines load.

use std::{env, process::Command};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType};
use testkit::workspace;

use super::layer::{CERTIFICATES, Layer, PROGRAM, USER, add};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Nanoseconds of a second, in which a health check states its times.
const SECOND: u64 = 1_000_000_000;

/// The origin of an image, for its labels.
#[derive(Clone, Debug)]
pub struct Description {
    pub version: String,
    /// The commit.
    pub revision: String,
    /// The time of the commit, so that the same commit gives the same image.
    pub created: String,
}

impl Description {
    /// Describes the commit that is checked out.
    pub fn of_commit() -> anyhow::Result<Self> {
        let output = Command::new("git")
            .args(["show", "--no-patch", "--format=%H %ct", "HEAD"])
            .current_dir(workspace())
            .output()
            .context("git cannot be run")?;
        ensure!(output.status.success(), "this is not a git repository");
        let text = String::from_utf8(output.stdout)?;
        let (revision, seconds) = text.trim().split_once(' ').context("git show")?;
        let created = DateTime::from_timestamp(seconds.parse()?, 0).context("the commit's time")?;
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: revision.to_owned(),
            created: created.to_rfc3339_opts(SecondsFormat::Secs, true),
        })
    }
}

/// Content with its address.
struct Blob {
    digest: String,
    content: Vec<u8>,
}

impl Blob {
    fn new(content: Vec<u8>) -> Self {
        Self {
            digest: digest(&content),
            content,
        }
    }

    fn of_json(value: &Value) -> anyhow::Result<Self> {
        Ok(Self::new(serde_json::to_vec(value)?))
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }

    fn descriptor(&self, media_type: &str) -> Value {
        json!({
            "mediaType": media_type,
            "digest": format!("sha256:{}", self.digest),
            "size": self.content.len(),
        })
    }
}

/// An image of one layer.
pub struct Image {
    manifest: Blob,
    config: Blob,
    layer: Blob,
    version: String,
}

impl Image {
    /// Makes the image for this machine's processor.
    pub fn new(layer: &Layer, description: &Description) -> anyhow::Result<Self> {
        let config = Blob::of_json(&config(layer, description)?)?;
        let layer = Blob::new(layer.compressed.clone());
        let manifest = Blob::of_json(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(CONFIG),
            "layers": [layer.descriptor(LAYER)],
        }))?;
        Ok(Self {
            manifest,
            config,
            layer,
            version: description.version.clone(),
        })
    }

    /// The digest by which registries and engines name the image.
    pub fn digest(&self) -> String {
        format!("sha256:{}", self.manifest.digest)
    }

    /// The image as an archive.
    pub fn archive(&self) -> anyhow::Result<Vec<u8>> {
        let mut manifest = self.manifest.descriptor(MANIFEST);
        manifest["platform"] = json!({ "architecture": architecture()?, "os": "linux" });
        manifest["annotations"] = json!({
            "io.containerd.image.name": format!("docker.io/library/codecave:{}", self.version),
            "org.opencontainers.image.ref.name": self.version,
        });
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [manifest],
        });
        let docker = json!([{
            "Config": self.config.path(),
            "RepoTags": [format!("codecave:{}", self.version)],
            "Layers": [self.layer.path()],
        }]);
        let mut archive = Builder::new(Vec::new());
        for folder in ["blobs/", "blobs/sha256/"] {
            add(&mut archive, EntryType::Directory, folder, 0o755, &[])?;
        }
        let layout = json!({ "imageLayoutVersion": "1.0.0" });
        for (path, value) in [
            ("oci-layout", layout),
            ("index.json", index),
            ("manifest.json", docker),
        ] {
            let content = serde_json::to_vec(&value)?;
            add(&mut archive, EntryType::Regular, path, 0o644, &content)?;
        }
        for blob in [&self.config, &self.manifest, &self.layer] {
            let path = blob.path();
            add(
                &mut archive,
                EntryType::Regular,
                &path,
                0o644,
                &blob.content,
            )?;
        }
        Ok(archive.into_inner()?)
    }
}

/// The configuration of containers, with the same settings as `Dockerfile`. `Healthcheck` is a field of Docker, and other
/// engines ignore it.
fn config(layer: &Layer, description: &Description) -> anyhow::Result<Value> {
    let Description {
        version,
        revision,
        created,
    } = description;
    Ok(json!({
        "architecture": architecture()?,
        "os": "linux",
        "created": created,
        "config": {
            "User": format!("{USER}:{USER}"),
            "ExposedPorts": { "3001/tcp": {} },
            "Env": [
                "NODE_ENV=production",
                "PORT=3001",
                format!("SSL_CERT_FILE={CERTIFICATES}"),
            ],
            "Entrypoint": [PROGRAM],
            "Cmd": ["all"],
            "WorkingDir": "/",
            "StopSignal": "SIGTERM",
            "Healthcheck": {
                "Test": ["CMD", PROGRAM, "healthcheck"],
                "Interval": 30 * SECOND,
                "Timeout": 5 * SECOND,
                "StartPeriod": 10 * SECOND,
                "Retries": 3,
            },
            "Labels": {
                "org.opencontainers.image.title": "codecave",
                "org.opencontainers.image.description": "The CodeCave API",
                "org.opencontainers.image.licenses": "MIT",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.revision": revision,
                "org.opencontainers.image.created": created,
            },
        },
        "rootfs": {
            "type": "layers",
            "diff_ids": [format!("sha256:{}", digest(&layer.archive))],
        },
        "history": [{ "created": created, "created_by": "cargo xtask image" }],
    }))
}

/// The name that images have for this machine's processor.
fn architecture() -> anyhow::Result<&'static str> {
    match env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => anyhow::bail!("images are built for x86_64 and aarch64, not for {other}"),
    }
}

/// The SHA-256 of the content in hexadecimal digits.
pub fn digest(content: &[u8]) -> String {
    let bytes = Sha256::digest(content);
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}
