//! A PostgreSQL server of one test, which can be stopped, restarted and frozen.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, postgres::PgConnectOptions};
use testkit::postgres::keeper_program;

pub struct Server {
    folder: PathBuf,
    keeper: Child,
    data: PathBuf,
    programs: PathBuf,
    port: u16,
}

impl Server {
    /// Starts a server with the tables of all migrations.
    pub async fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("chaos-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut keeper = Command::new(keeper_program().unwrap())
            .args(["keep-postgres", "test"])
            .env("CARGO_TARGET_DIR", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(keeper.stdout.take().unwrap())
            .read_line(&mut port)
            .unwrap();
        let mut server = Self {
            folder,
            keeper,
            data: PathBuf::new(),
            programs: PathBuf::new(),
            port: port.trim().parse().unwrap(),
        };
        server.prepare().await;
        server
    }

    async fn prepare(&mut self) {
        let mut admin = self.connect("postgres").await;
        let data: String = sqlx::query_scalar("show data_directory")
            .fetch_one(&mut admin)
            .await
            .unwrap();
        self.data = data.into();
        let server = fs::read_link(format!("/proc/{}/exe", self.process())).unwrap();
        server.parent().unwrap().clone_into(&mut self.programs);
        for statement in [
            "create database app",
            // Servers of tests acknowledge a commit before it is written to a file.
            "alter database app set synchronous_commit = on",
        ] {
            sqlx::query(statement).execute(&mut admin).await.unwrap();
        }
        let database: PgConnectOptions = self.url().parse().unwrap();
        let mut quiet = |_| {};
        let options = migrations::Options::new(&database, &mut quiet);
        migrations::run(&migrations::migrator(), options)
            .await
            .unwrap();
        let mut app = self.connect("app").await;
        sqlx::query("create table marks (mark text not null)")
            .execute(&mut app)
            .await
            .unwrap();
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

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/app", self.port)
    }

    /// Starts a stopped server with its previous options.
    pub async fn start_again(&self) {
        // The file has one line with the program, its data and its options, quoted for a shell.
        let line = fs::read_to_string(self.data.join("postmaster.opts")).unwrap();
        let data = format!("\"{}\"", self.data.display());
        let (_, options) = line.trim().split_once(&data).unwrap();
        self.control(&["start", "-o", options]).await;
    }

    /// Runs `pg_ctl` as the user who owns the data, and waits for its end.
    pub async fn control(&self, arguments: &[&str]) {
        let owner = fs::metadata(&self.data).unwrap();
        let mut command = Command::new(self.programs.join("pg_ctl"));
        command
            .args(arguments)
            .args(["-w", "-s", "-D"])
            .arg(&self.data)
            .arg("-l")
            .arg(self.data.join("log"))
            .current_dir(&self.data)
            .uid(owner.uid())
            .gid(owner.gid());
        // The server outlives the command and would inherit a pipe.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let status = tokio::task::spawn_blocking(move || command.status()).await;
        assert!(status.unwrap().unwrap().success(), "pg_ctl {arguments:?}");
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

    fn process(&self) -> String {
        let text = fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        text.lines().next().unwrap().trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}
