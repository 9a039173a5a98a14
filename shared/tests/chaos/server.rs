//! A PostgreSQL server of one test, which can be stopped, restarted and frozen, and can have a replica or a small disk.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    ops::Deref,
    os::unix::{fs::chown, process::CommandExt as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use sqlx::postgres::PgConnectOptions;
use testkit::{ports::free_port, postgres::keeper_program};
use tokio::time::{sleep, timeout};

use crate::node::{Node, program_folder, run};

/// The server of a test.
pub struct Server {
    folder: PathBuf,
    keeper: Child,
    node: Node,
}

impl Deref for Server {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl Server {
    /// Starts a server with the tables of all migrations.
    pub async fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("chaos-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut keeper = Command::new(keeper_program().unwrap())
            .args(["keep-postgres", "stored"])
            .env("CARGO_TARGET_DIR", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(keeper.stdout.take().unwrap())
            .read_line(&mut port)
            .unwrap();
        let node = Node {
            data: PathBuf::new(),
            programs: PathBuf::new(),
            port: port.trim().parse().unwrap(),
        };
        let mut server = Self {
            folder,
            keeper,
            node,
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
        self.node.data = data.into();
        self.node.programs = program_folder(&self.process());
        for statement in [
            "create database app",
            // Servers of tests acknowledge a commit before it is written to a file.
            "alter database app set synchronous_commit = on",
        ] {
            sqlx::query(statement).execute(&mut admin).await.unwrap();
        }
        let database: PgConnectOptions = Node::url(self.port).parse().unwrap();
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

    /// Starts a replica. From then on, a commit waits until the replica has it, too.
    pub async fn replica(&self) -> Replica {
        let node = Node {
            data: self.data.with_file_name("replica"),
            programs: self.programs.clone(),
            port: free_port().unwrap(),
        };
        let options = self.options();
        self.control(&["stop", "-m", "fast"]).await;
        let mut copy = Command::new("cp");
        copy.arg("-a").args([&self.data, &node.data]);
        self.run_as_owner(copy).await;
        self.start_again().await;

        let replica = Replica(node);
        let signal = replica.data.join("standby.signal");
        fs::write(&signal, "").unwrap();
        let (uid, gid) = self.owner();
        chown(signal, Some(uid), Some(gid)).unwrap();
        let mut config = fs::OpenOptions::new()
            .append(true)
            .open(replica.data.join("postgresql.auto.conf"))
            .unwrap();
        let primary = format!("host=127.0.0.1 port={} user=postgres", self.port);
        writeln!(config, "primary_conninfo = '{primary}'").unwrap();
        let port = |port: u16| format!("\"-p\" \"{port}\"");
        let options = options.replace(&port(self.port), &port(replica.port));
        replica.control(&["start", "-o", &options]).await;

        let streams = async {
            let mut admin = self.connect("postgres").await;
            let count = "select count(*) from pg_stat_replication where state = 'streaming'";
            while sqlx::query_scalar::<_, i64>(count)
                .fetch_one(&mut admin)
                .await
                .unwrap()
                == 0
            {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), streams).await.unwrap();
        self.set("synchronous_standby_names", "*").await;
        replica
    }

    /// Creates the tablespace `disk` on a file system of so many megabytes. Returns false if this user may not mount one.
    pub async fn mount_small_disk(&self, megabytes: u32) -> bool {
        let disk = self.data.with_file_name("disk");
        fs::create_dir_all(&disk).unwrap();
        let (uid, gid) = self.owner();
        // Only the server's processes see the mount, and it ends with them.
        let mut private = Command::new("unshare");
        private.args(["--mount", "sh", "-c"]).arg(format!(
            "mount -t tmpfs -o size={megabytes}m,mode=700,uid={uid},gid={gid} tmpfs '{}' && exec \"$@\"",
            disk.display()
        ));
        private.arg("sh");
        let mut attempt = clone(&private);
        attempt.arg("true").stderr(Stdio::null());
        if !attempt.status().is_ok_and(|status| status.success()) {
            return false;
        }
        let options = self.options();
        self.control(&["stop", "-m", "fast"]).await;
        private.arg("setpriv").args([
            format!("--reuid={uid}"),
            format!("--regid={gid}"),
            "--clear-groups".to_owned(),
        ]);
        let start = self.pg_ctl(&["start", "-o", &options]);
        private.arg(start.get_program()).args(start.get_args());
        private.current_dir(&self.data);
        run(private).await;
        self.execute(&format!(
            "create tablespace disk location '{}'",
            disk.display()
        ))
        .await;
        let mut app = self.connect("app").await;
        sqlx::query("create table filler (weight text not null) tablespace disk")
            .execute(&mut app)
            .await
            .unwrap();
        true
    }

    /// Gives the small disk another size.
    pub async fn enlarge_disk(&self, megabytes: u32) {
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--target", &self.process(), "mount", "-o"])
            .arg(format!("remount,size={megabytes}m"))
            .arg(self.data.with_file_name("disk"));
        run(command).await;
    }

    /// Moves the marks to the small disk.
    pub async fn move_marks(&self) {
        let mut app = self.connect("app").await;
        // A few marks fill a page.
        sqlx::raw_sql(
            "drop table marks;
             create table marks (mark text not null, weight text not null default repeat('x', 1500)) tablespace disk",
        )
        .execute(&mut app)
        .await
        .unwrap();
    }

    /// Fills the small disk.
    pub async fn fill_disk(&self) {
        let mut app = self.connect("app").await;
        // The second attempt uses the pages that the first has left.
        for rows in [100_000, 1_000] {
            let full = sqlx::query(
                "insert into filler select repeat('x', 1500) from generate_series(1, $1)",
            )
            .bind(rows)
            .execute(&mut app)
            .await
            .unwrap_err();
            let code = full
                .as_database_error()
                .and_then(|error| error.code().map(String::from));
            assert_eq!(code.as_deref(), Some("53100"), "{full}");
        }
    }

    /// Frees the small disk. Unlike a truncation, dropping a table writes no new files to the disk, which is full.
    pub async fn empty_disk(&self) {
        let mut app = self.connect("app").await;
        sqlx::query("drop table filler")
            .execute(&mut app)
            .await
            .unwrap();
    }
}

/// Returns a command with the same program and arguments.
fn clone(command: &Command) -> Command {
    let mut clone = Command::new(command.get_program());
    clone.args(command.get_args());
    clone
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// A server that copies each change of another. Dropping it stops it.
pub struct Replica(Node);

impl Deref for Replica {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let (uid, gid) = self.owner();
        let mut stop = self.pg_ctl(&["stop", "-m", "immediate"]);
        let status = stop.current_dir(&self.data).uid(uid).gid(gid).status();
        // A test that fails before the start has nothing to stop.
        if let Err(error) = status {
            eprintln!("a replica may still run: {error}");
        }
        fs::remove_dir_all(&self.data).unwrap();
    }
}
