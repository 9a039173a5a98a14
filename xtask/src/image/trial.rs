//! Unpacks an image and runs its program as an engine does: as the image's user, in a root that has nothing else.

use std::{
    ffi::OsStr,
    fs,
    io::Read as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use flate2::read::GzDecoder;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid},
};
use provider::Provider;
use reqwest::header::COOKIE;
use serde_json::Value;
use sqlx::migrate::MigrateDatabase as _;
use tar::Archive;
use testkit::{
    postgres::{Postgres, Server},
    process::listening,
    target,
};
use tokio::{
    process::{Child, Command},
    time::timeout,
};
use url::Url;

use super::layout::digest;
use crate::{dev::SECRET, migrate::create_database, sign_in::sign_in};

/// Maximum time of the program's end. The program finishes its requests within 15 seconds.
const END: Duration = Duration::from_secs(20);

/// An image that is unpacked into a folder.
pub struct Unpacked {
    root: PathBuf,
    /// The part `config` of the image's configuration.
    pub config: Value,
}

/// Checks the image: migrations, both answers of the health check, a sign-in, the user, and the end by SIGTERM.
pub async fn run(archive: &Path) -> anyhow::Result<()> {
    let image = Unpacked::new(archive, &target().join("image"))?;
    // An engine adds this file.
    fs::write(image.root.join("etc/hosts"), "127.0.0.1 localhost\n")?;
    let postgres = Postgres::start(Server::Test, &std::env::current_exe()?)?;
    let mut database = Url::parse(postgres.url())?;
    database.set_path(&format!("image_{}", std::process::id()));
    // A name, so that its resolution is checked, too.
    database.set_host(Some("localhost"))?;
    create_database(database.as_str()).await?;
    let outcome = check(&image, database.as_str()).await;
    sqlx::Postgres::force_drop_database(database.as_str()).await?;
    outcome
}

async fn check(image: &Unpacked, database: &str) -> anyhow::Result<()> {
    let provider = Provider::start().await?;
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let api = format!("http://localhost:{port}");
    let mut variables = provider.settings();
    variables.extend([
        ("BETTER_AUTH_SECRET", SECRET.to_owned()),
        ("BETTER_AUTH_URL", api.clone()),
        ("DATABASE_URL", database.to_owned()),
        ("PORT", port.to_string()),
    ]);
    let succeeds = async |arguments: &[&str]| {
        let mut command = image.command(arguments, &variables)?;
        anyhow::Ok(command.status().await?.success())
    };

    ensure!(succeeds(&["migrate"]).await?, "the migrations failed");
    ensure!(
        !succeeds(&["healthcheck"]).await?,
        "the health check succeeds without a program"
    );
    let mut all = image
        .command(&["all"], &variables)?
        .stdout(Stdio::null())
        .spawn()?;
    listening(port).await?;
    for probe in ["live", "ready"] {
        let healthy = succeeds(&["healthcheck", probe]).await?;
        ensure!(healthy, "the health check fails: {probe}");
    }
    check_user(&all)?;
    let session = sign_in(&api, "github", "ada").await?;
    let profile = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .get(format!("{api}/users/profile"))
        .header(COOKIE, session)
        .send()
        .await?;
    ensure!(profile.status() == 200, "{}", profile.status());

    kill(id(&all)?, Signal::SIGTERM)?;
    let status = timeout(END, all.wait())
        .await
        .context("the program does not end")??;
    ensure!(status.success(), "the program ends with {status}");
    ensure!(
        !succeeds(&["healthcheck"]).await?,
        "the health check succeeds after the end"
    );
    println!("the image runs: migrations, health check, sign-in, SIGTERM");
    Ok(())
}

impl Unpacked {
    /// Unpacks the image into the folders `layout` and `root` of the folder, and compares its digests.
    pub fn new(archive: &Path, folder: &Path) -> anyhow::Result<Self> {
        let (layout, root) = (folder.join("layout"), folder.join("root"));
        for folder in [&layout, &root] {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
            fs::create_dir_all(folder)?;
        }
        Archive::new(fs::File::open(archive)?).unpack(&layout)?;
        let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json"))?)?;
        let manifest = blob(&layout, &index["manifests"][0])?;
        let manifest: Value = serde_json::from_slice(&manifest)?;
        let config: Value = serde_json::from_slice(&blob(&layout, &manifest["config"])?)?;
        let compressed = blob(&layout, &manifest["layers"][0])?;
        let mut layer = Vec::new();
        GzDecoder::new(compressed.as_slice()).read_to_end(&mut layer)?;
        ensure!(
            config["rootfs"]["diff_ids"][0] == format!("sha256:{}", digest(&layer)),
            "the layer has another digest when it is unpacked"
        );
        Archive::new(layer.as_slice()).unpack(&root)?;
        Ok(Self {
            root,
            config: config["config"].clone(),
        })
    }

    /// The image's program with these arguments and variables, as the image's user. Root is needed to change the user;
    /// otherwise a user namespace takes its place.
    fn command(
        &self,
        arguments: &[&str],
        variables: &[(&'static str, String)],
    ) -> anyhow::Result<Command> {
        let texts = |name: &str| -> anyhow::Result<Vec<String>> {
            let value = self.config[name].clone();
            serde_json::from_value(value).with_context(|| format!("{name} of the image"))
        };
        let user = self.config["User"].as_str().context("User of the image")?;
        let (user, group) = user.split_once(':').context("User of the image")?;
        let mut command = if Uid::effective().is_root() {
            let mut command = Command::new("chroot");
            command.arg(format!("--userspec={user}:{group}"));
            command.arg(&self.root);
            command
        } else {
            let mut command = Command::new("unshare");
            command
                .arg("--user")
                .args([OsStr::new("--map-user"), user.as_ref()])
                .args([OsStr::new("--map-group"), group.as_ref()])
                .arg("--root")
                .arg(&self.root)
                .args(["--wd", "/"]);
            command
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path);
        for variable in texts("Env")? {
            let (name, value) = variable.split_once('=').context("Env of the image")?;
            command.env(name, value);
        }
        command
            .args(texts("Entrypoint")?)
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }
}

/// The content that a descriptor names, if its digest is right.
fn blob(layout: &Path, descriptor: &Value) -> anyhow::Result<Vec<u8>> {
    let expected = descriptor["digest"].as_str().context("a digest")?;
    let name = expected
        .strip_prefix("sha256:")
        .context("a digest of SHA-256")?;
    let content = fs::read(layout.join("blobs/sha256").join(name))?;
    ensure!(
        descriptor["size"] == content.len() && digest(&content) == name,
        "the content of {expected} has another size or digest"
    );
    Ok(content)
}

/// Fails if the process belongs to the user of this command.
fn check_user(process: &Child) -> anyhow::Result<()> {
    let status = fs::read_to_string(format!("/proc/{}/status", id(process)?))?;
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let users = users.context("the process has no user")?;
    let own = Uid::effective().to_string();
    // In a user namespace, the process has another user inside and the same outside.
    ensure!(
        !Uid::effective().is_root() || users.split_whitespace().all(|user| user != own),
        "the program runs as root"
    );
    Ok(())
}

fn id(process: &Child) -> anyhow::Result<Pid> {
    let id = process.id().context("the program has ended")?;
    Ok(Pid::from_raw(id.try_into()?))
}
