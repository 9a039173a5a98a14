//! A running PostgreSQL server, and the programs that control it.

use std::{
    fs,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// A server and its data.
pub struct Node {
    pub data: PathBuf,
    /// The folder of `postgres` and `pg_ctl`.
    pub programs: PathBuf,
    pub port: u16,
}

impl Node {
    /// Returns the address of the tests' database behind a port.
    pub fn url(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/app")
    }

    pub async fn connect(&self, database: &str) -> PgConnection {
        let url = format!("postgres://postgres@127.0.0.1:{}/{database}", self.port);
        PgConnection::connect(&url).await.unwrap()
    }

    pub async fn execute(&self, statement: &str) {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut self.connect("postgres").await)
            .await
            .unwrap();
    }

    /// Sets a parameter for running sessions and for new ones.
    pub async fn set(&self, parameter: &str, value: &str) {
        self.execute(&format!("alter system set {parameter} = '{value}'"))
            .await;
        self.execute("select pg_reload_conf()").await;
    }

    /// Returns the options with which the server was started, quoted for a shell.
    pub fn options(&self) -> String {
        // The file has one line with the program, its data and its options.
        let line = fs::read_to_string(self.data.join("postmaster.opts")).unwrap();
        let data = format!("\"{}\"", self.data.display());
        let (_, options) = line.trim().split_once(&data).unwrap();
        options.to_owned()
    }

    /// Starts a stopped server with its previous options.
    pub async fn start_again(&self) {
        self.control(&["start", "-o", &self.options()]).await;
    }

    /// Runs `pg_ctl` as the user who owns the data, and waits for its end.
    pub async fn control(&self, arguments: &[&str]) {
        let mut command = self.pg_ctl(arguments);
        command.current_dir(&self.data);
        self.run_as_owner(command).await;
    }

    /// Returns a command that controls the server.
    pub fn pg_ctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("pg_ctl"));
        command
            .args(arguments)
            .args(["-w", "-s", "-D"])
            .arg(&self.data)
            .arg("-l")
            .arg(self.data.join("log"));
        command
    }

    /// Runs a command as the user who owns the data.
    pub async fn run_as_owner(&self, mut command: Command) {
        let (uid, gid) = self.owner();
        command.uid(uid).gid(gid);
        run(command).await;
    }

    /// Returns the user and the group of the data.
    pub fn owner(&self) -> (u32, u32) {
        let owner = fs::metadata(&self.data).unwrap();
        (owner.uid(), owner.gid())
    }

    /// Sends a signal to the server and to all of its processes.
    pub async fn signal(&self, signal: &'static str) {
        let process = self.process();
        let children = Command::new("pgrep")
            .args(["-P", &process])
            .output()
            .unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let mut command = Command::new("kill");
        command
            .args(["-s", signal, &process])
            .args(children.split_whitespace());
        // A process may already have ended, so the status is ignored.
        tokio::task::spawn_blocking(move || command.status())
            .await
            .unwrap()
            .unwrap();
    }

    pub fn process(&self) -> String {
        let text = fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        text.lines().next().unwrap().trim().to_owned()
    }
}

/// Runs a command to its end.
pub async fn run(mut command: Command) {
    // The server outlives the command and would inherit a pipe.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let text = format!("{command:?}");
    let status = tokio::task::spawn_blocking(move || command.status()).await;
    assert!(status.unwrap().unwrap().success(), "{text}");
}

/// Returns the folder of a process's program.
pub fn program_folder(process: &str) -> PathBuf {
    let program = fs::read_link(format!("/proc/{process}/exe")).unwrap();
    program.parent().map(Path::to_owned).unwrap()
}
