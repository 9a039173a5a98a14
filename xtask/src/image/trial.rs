//! Unpacks an image and runs its program as an engine does: as the image's user, in a root that has nothing else.

use std::{
    ffi::OsStr,
    fs,
    io::Read as _,
    net::TcpStream,
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
use reqwest::header::{COOKIE, ORIGIN};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tar::Archive;
use testkit::{ports::free_port, process::listening, target};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};
use url::Url;

use super::layout::digest;
use crate::{dev::SECRET, private_server::PrivateServer, sign_in::sign_in, tls::Authority};

/// Maximum time of the program's end. The program finishes its requests within 15 seconds.
const END: Duration = Duration::from_secs(20);

/// Time in which the migrations would connect to a trusted database.
const UNTRUSTED: Duration = Duration::from_secs(5);

/// An image that is unpacked into a folder.
pub struct Unpacked {
    root: PathBuf,
    /// The part `config` of the image's configuration.
    pub config: Value,
}

/// Checks the image: migrations, both answers of the health check, sign-ins over TLS, the user, and the end by SIGTERM.
pub async fn run(archive: &Path) -> anyhow::Result<()> {
    let image = Unpacked::new(archive, &target().join("image"))?;
    // An engine adds this file.
    fs::write(image.root.join("etc/hosts"), "127.0.0.1 localhost\n")?;
    // Operators mount the certificates of their own authorities likewise.
    let authority = Authority::new()?;
    fs::write(image.root.join("etc/ssl/certs/local.crt"), authority.pem())?;

    let server = PrivateServer::start(&std::env::current_exe()?)?;
    server.enable_tls(&authority.issue()?).await?;
    server.execute("create database codecave").await?;
    let provider = Provider::start().await?;
    let port = free_port()?;
    let mut variables = over_tls(&provider, &authority).await?;
    variables.extend([
        ("SSL_CERT_FILE", "/etc/ssl/certs/local.crt".to_owned()),
        ("DATABASE_CA", authority.pem().to_owned()),
        ("BETTER_AUTH_SECRET", SECRET.to_owned()),
        ("BETTER_AUTH_URL", format!("http://localhost:{port}")),
        (
            "DATABASE_URL",
            server.address("localhost", "codecave") + "?sslmode=verify-full",
        ),
        ("PORT", port.to_string()),
    ]);
    let trial = Trial {
        image,
        variables,
        port,
        server,
    };
    trial.check_database_authority().await?;
    trial.check_service().await
}

/// The settings of the stand-in. Those that the program itself requests have TLS.
async fn over_tls(
    provider: &Provider,
    authority: &Authority,
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let plain: Url = provider.url().parse()?;
    let port = plain.port().context("the stand-in's address has a port")?;
    let secure = format!("https://localhost:{}", authority.terminate(port).await?);
    let settings = provider.settings().into_iter().map(|(name, value)| {
        let requested = ["_TOKEN_URL", "_API_URL", "_JWKS_URL", "_USERINFO_URL"]
            .iter()
            .any(|end| name.ends_with(end));
        match value.strip_prefix(provider.url()) {
            Some(path) if requested => (name, format!("{secure}{path}")),
            _ => (name, value),
        }
    });
    Ok(settings.collect())
}

/// An image with the services that its program needs.
struct Trial {
    image: Unpacked,
    variables: Vec<(&'static str, String)>,
    port: u16,
    server: PrivateServer,
}

impl Trial {
    /// Whether the program succeeds with these arguments.
    async fn succeeds(
        &self,
        arguments: &[&str],
        variables: &[(&'static str, String)],
    ) -> anyhow::Result<bool> {
        let mut command = self.image.command(arguments, variables)?;
        Ok(command.status().await?.success())
    }

    /// Fails if the program accepts a database whose authority it does not know.
    async fn check_database_authority(&self) -> anyhow::Result<()> {
        let mut variables = self.variables.clone();
        variables.retain(|(name, _)| *name != "DATABASE_CA");
        // The program repeats a failed connection for a minute.
        let migrated = timeout(UNTRUSTED, self.succeeds(&["migrate"], &variables)).await;
        ensure!(
            !matches!(migrated, Ok(Ok(true))),
            "an unknown authority of the database is trusted"
        );
        Ok(())
    }

    async fn check_service(&self) -> anyhow::Result<()> {
        let api = format!("http://localhost:{}", self.port);
        let variables = &self.variables;
        ensure!(
            self.succeeds(&["migrate"], variables).await?,
            "the migrations failed"
        );
        ensure!(
            !self.succeeds(&["healthcheck"], variables).await?,
            "the health check succeeds without a program"
        );
        let mut all = self
            .image
            .command(&["all"], variables)?
            .stdout(Stdio::null())
            .spawn()?;
        listening(self.port).await?;
        for probe in ["live", "ready"] {
            let healthy = self.succeeds(&["healthcheck", probe], variables).await?;
            ensure!(healthy, "the health check fails: {probe}");
        }
        check_user(&all)?;
        let mut session = String::new();
        for service in ["google", "github"] {
            session = sign_in(&api, service, "ada").await?;
        }
        let secure = "select count(*) from pg_stat_ssl s join pg_stat_activity a using (pid) \
                      where a.datname = 'codecave' and s.ssl";
        let connections = self.server.count(secure).await?;
        ensure!(connections > 0, "no connection to the database has TLS");

        self.check_end(&mut all, &api, &session).await?;
        ensure!(
            !self.succeeds(&["healthcheck"], variables).await?,
            "the health check succeeds after the end"
        );
        println!(
            "the image runs: migrations, health check, sign-ins over TLS, verified TLS to the database, and SIGTERM \
             finishes a request in flight"
        );
        Ok(())
    }

    /// Sends SIGTERM while a request waits for the database. The request must succeed, and then the program must end.
    async fn check_end(&self, all: &mut Child, api: &str, session: &str) -> anyhow::Result<()> {
        let mut blocker = self.server.connect_to("codecave").await?;
        let mut transaction = blocker.begin().await?;
        sqlx::raw_sql("select from \"user\" for update")
            .execute(&mut *transaction)
            .await?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let update = client
            .put(format!("{api}/users/profile"))
            .header(COOKIE, session)
            .header(ORIGIN, api)
            .json(&json!({ "bio": "Written at the end" }))
            .send();
        let update = tokio::spawn(update);
        let waiting = "select count(*) from pg_stat_activity \
                       where datname = 'codecave' and wait_event_type = 'Lock'";
        wait_until(async || Ok(self.server.count(waiting).await? > 0)).await?;

        kill(id(all)?, Signal::SIGTERM)?;
        // New connections are refused, and the one in flight goes on.
        let port = self.port;
        wait_until(async || Ok(TcpStream::connect(("127.0.0.1", port)).is_err())).await?;
        transaction.rollback().await?;
        let answer = update.await??;
        let status = answer.status();
        ensure!(status == 200, "the request in flight got {status}");
        let status = timeout(END, all.wait())
            .await
            .context("the program does not end")??;
        ensure!(status.success(), "the program ends with {status}");
        Ok(())
    }
}

/// Waits until the condition holds.
async fn wait_until(condition: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let wait = async {
        while !condition().await? {
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    };
    timeout(END, wait)
        .await
        .context("the program does not reach the expected state")?
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
