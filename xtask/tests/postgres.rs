//! The local server runs while a process uses it, and starts after any kind of end.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use sqlx::Connection as _;

/// A temporary folder for a server, used instead of cargo's target folder.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn keeper(&self) -> Keeper {
        self.keeper_of("stored")
    }

    fn keeper_of(&self, server: &str) -> Keeper {
        let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["keep-postgres", server])
            .env("CARGO_TARGET_DIR", &self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Ok(port) = line.trim().parse() else {
            panic!("{line}");
        };
        Keeper { child, port }
    }

    /// Returns the folder of the server, which is named after its version.
    fn home(&self) -> PathBuf {
        let mut homes = fs::read_dir(self.0.join("postgres")).unwrap();
        homes.next().unwrap().unwrap().path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

struct Keeper {
    child: Child,
    port: u16,
}

impl Keeper {
    fn answers(&self) -> bool {
        answers(self.port)
    }

    /// Closes the keeper's standard input, as the end of the process that uses it does. Returns the port of the server.
    fn let_go(mut self) -> u16 {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        self.port
    }
}

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn postmaster(home: &Path) -> String {
    let text = fs::read_to_string(home.join("data/postmaster.pid")).unwrap();
    text.lines().next().unwrap().to_owned()
}

#[test]
fn the_last_of_its_users_stops_the_server() {
    let folder = Folder::new("shared");
    let first = folder.keeper();
    let second = folder.keeper();
    assert_eq!(first.port, second.port);

    first.let_go();
    assert!(second.answers());

    let port = second.let_go();
    assert!(!answers(port));
    assert!(!folder.home().join("data/postmaster.pid").exists());
}

#[test]
fn concurrent_users_all_have_a_server() {
    let folder = Folder::new("crowd");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let keeper = folder.keeper();
                assert!(keeper.answers());
                keeper.let_go();
            });
        }
    });

    let keeper = folder.keeper();
    assert!(keeper.answers());
    assert!(!answers(keeper.let_go()));
}

#[test]
fn a_killed_server_is_started_again() {
    let folder = Folder::new("killed");
    let keeper = folder.keeper();
    let pid = postmaster(&folder.home());
    let kill = Command::new("kill").args(["-9", &pid]).status().unwrap();
    assert!(kill.success());
    while keeper.answers() {
        std::thread::yield_now();
    }
    keeper.let_go();

    let keeper = folder.keeper();
    assert!(keeper.answers());
    keeper.let_go();
}

#[test]
fn a_stale_pid_file_is_removed() {
    let folder = Folder::new("stale");
    folder.keeper().let_go();
    // The process id in the file belongs to another process by now.
    let own = std::process::id();
    let pid_file = folder.home().join("data/postmaster.pid");
    fs::write(&pid_file, format!("{own}\n/nowhere\n0\n1\n")).unwrap();

    let keeper = folder.keeper();
    assert!(keeper.answers());
    keeper.let_go();
}

#[test]
fn the_port_stays_the_same_unless_it_is_taken() {
    let folder = Folder::new("port");
    let port = folder.keeper().let_go();
    let again = folder.keeper().let_go();
    assert_eq!(again, port);

    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let other = folder.keeper();
    assert_ne!(other.port, port);
    assert!(other.answers());
    other.let_go();
}

/// Returns the folder of the data of the server on this port.
async fn data_directory(port: u16) -> PathBuf {
    let address = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let mut connection = sqlx::PgConnection::connect(&address).await.unwrap();
    let folder: String = sqlx::query_scalar("show data_directory")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    folder.into()
}

#[tokio::test]
async fn the_data_of_tests_in_memory_is_removed_with_the_server() {
    let folder = Folder::new("memory");
    let first = folder.keeper_of("test");
    let data = data_directory(first.port).await;
    let second = folder.keeper_of("test");
    assert_eq!(data_directory(second.port).await, data);

    first.let_go();
    assert!(second.answers());
    second.let_go();

    // Without enough memory, the data is on the disk and is kept.
    assert_eq!(data.exists(), !data.starts_with("/dev/shm"));
}

#[tokio::test]
async fn what_a_killed_server_of_tests_left_is_not_used() {
    let folder = Folder::new("remains");
    let mut keeper = folder.keeper_of("test");
    let data = data_directory(keeper.port).await;
    let mark = data.join("mark");
    fs::write(&mark, "").unwrap();
    let pid = fs::read_to_string(data.join("postmaster.pid")).unwrap();
    keeper.child.kill().unwrap();
    keeper.child.wait().unwrap();
    let kill = Command::new("kill")
        .args(["-9", pid.lines().next().unwrap()])
        .status()
        .unwrap();
    assert!(kill.success());
    while keeper.answers() {
        std::thread::yield_now();
    }

    let keeper = folder.keeper_of("test");

    assert_eq!(data_directory(keeper.port).await, data);
    assert_eq!(mark.exists(), !data.starts_with("/dev/shm"));
    keeper.let_go();
}
