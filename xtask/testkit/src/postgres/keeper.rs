//! Runs a local server as long as a process uses it.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    mem,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::Command,
};

use anyhow::Context as _;

use super::{
    binaries::Binaries,
    command::run,
    home::{self, User},
    server::Server,
};
use crate::ports::free_port;

/// Starts the server if it does not run, prints its port, and waits for the end of standard input. The last keeper stops
/// the server.
pub async fn keep(server: Server) -> anyhow::Result<()> {
    let local = match Local::open(server).await.and_then(Local::start) {
        Ok((local, port)) => {
            // The process that started the keeper may have ended. Then standard input has ended too.
            writeln!(io::stdout(), "{port}").ok();
            local
        }
        Err(error) => {
            // The process that started the keeper reads one line.
            let complaint = format!("{error:#}").replace('\n', " ");
            writeln!(io::stdout(), "{complaint}").ok();
            return Ok(());
        }
    };
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    local.leave()
}

struct Local {
    server: Server,
    binaries: Binaries,
    user: Option<User>,
    home: PathBuf,
    /// The folder of the data, which is set under the lock `change`.
    data: PathBuf,
    /// Every keeper of this server holds a shared lock.
    users: File,
    /// A keeper holds an exclusive lock while it starts or stops the server.
    change: File,
}

impl Local {
    async fn open(server: Server) -> anyhow::Result<Self> {
        let user = home::server_user()?;
        let binaries = Binaries::find_or_fetch(user).await?;
        let home = home::make(&format!("{server}-{}", binaries.major), user)?;
        let lock = |name: &str| File::create(home.join(name));
        let users = lock("users.lock")?;
        users.lock_shared()?;
        Ok(Self {
            server,
            binaries,
            user,
            users,
            change: lock("change.lock")?,
            data: home.join("data"),
            home,
        })
    }

    fn start(mut self) -> anyhow::Result<(Self, u16)> {
        self.change.lock()?;
        if self.server == Server::Test {
            self.choose_data()?;
        }
        let port = match self.running_port() {
            Some(port) => port,
            None => self.start_server()?,
        };
        self.change.unlock()?;
        Ok((self, port))
    }

    fn leave(self) -> anyhow::Result<()> {
        // The order matters: a keeper that starts now waits for `users`, or holds it and waits for `change`.
        self.change.lock()?;
        self.users.unlock()?;
        if self.users.try_lock().is_ok() {
            if self.running_port().is_some() {
                run(self.pg_ctl("stop").args(["-m", "fast"]))?;
            }
            if home::is_in_memory(&self.data) {
                fs::remove_dir_all(&self.data)?;
            }
        }
        Ok(())
    }

    /// Chooses memory or disk. A server that runs keeps its place. What a server that ended otherwise has left in memory is
    /// removed.
    fn choose_data(&mut self) -> anyhow::Result<()> {
        if self.running_port().is_some() {
            return Ok(());
        }
        let Some(in_memory) = home::in_memory(&self.home, self.user)? else {
            return Ok(());
        };
        let on_disk = mem::replace(&mut self.data, in_memory);
        if self.running_port().is_some() {
            return Ok(());
        }
        if self.data.exists() {
            self.clear_remains()?;
            fs::remove_dir_all(&self.data)?;
        }
        if !home::has_memory() {
            self.data = on_disk;
        }
        Ok(())
    }

    /// Returns the port of the server that runs on this data, if it accepts connections.
    fn running_port(&self) -> Option<u16> {
        let port = self.pid_file_line(3)?.parse().ok()?;
        run(&mut self.pg_ctl("status")).ok()?;
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
        Some(port)
    }

    /// Returns a line of the pid file. The first is the process id, the fourth the port:
    /// <https://www.postgresql.org/docs/current/storage-file-layout.html>.
    fn pid_file_line(&self, index: usize) -> Option<String> {
        let text = fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        Some(text.lines().nth(index)?.trim().to_owned())
    }

    fn start_server(&self) -> anyhow::Result<u16> {
        if !self.data.join("PG_VERSION").exists() {
            self.initialise()?;
        }
        self.clear_remains()?;
        let port = self.choose_port()?;
        let mut options = format!("-p {port} -h 127.0.0.1 -c unix_socket_directories= ");
        if self.server != Server::Dev {
            // Results of tests and measurements must not depend on the time of autovacuum.
            options += "-c fsync=off -c synchronous_commit=off -c full_page_writes=off \
                        -c max_connections=300 -c autovacuum=off";
        }
        if self.server == Server::Test {
            // The log stays small, because it may be in memory.
            options += " -c max_wal_size=256MB";
        }
        let log = self.home.join("log");
        run(self
            .pg_ctl("start")
            .arg("-l")
            .arg(&log)
            .arg("-o")
            .arg(options))
        .with_context(|| tail(&log))?;
        Ok(port)
    }

    fn initialise(&self) -> anyhow::Result<()> {
        // `initdb` refuses a folder that an interrupted attempt has left.
        if self.data.exists() {
            fs::remove_dir_all(&self.data)?;
        }
        // `lower` needs a locale to convert characters beyond ASCII. The locale's name depends on the system.
        let locales = ["C.UTF-8", "en_US.UTF-8", "C"];
        let mut outcome = Ok(String::new());
        for locale in locales {
            outcome = run(self
                .command("initdb")
                .args(["--username", "postgres", "--auth", "trust", "--no-sync"])
                .args(["--encoding", "UTF8", "--locale", locale]));
            match &outcome {
                Err(error) if error.to_string().contains("locale") => {}
                _ => break,
            }
        }
        outcome.map(|_| ())
    }

    /// Removes a stale pid file, which a crash of the machine leaves. Its process id may belong to another process.
    fn clear_remains(&self) -> anyhow::Result<()> {
        let Some(pid) = self.pid_file_line(0) else {
            return Ok(());
        };
        // A killed server remains a zombie until its parent reads its status.
        let process = run(Command::new("ps").args(["-o", "stat=,comm=", "-p", &pid]));
        let process = process.unwrap_or_default();
        let is_server = process.ends_with("postgres") || process.ends_with("postmaster");
        if is_server && !process.starts_with('Z') {
            run(self.pg_ctl("stop").args(["-m", "fast"]))?;
        } else {
            fs::remove_file(self.data.join("postmaster.pid"))?;
        }
        Ok(())
    }

    /// Returns the port of the last run if it is free, or otherwise another free port.
    fn choose_port(&self) -> anyhow::Result<u16> {
        let file = self.home.join("port");
        let remembered = fs::read_to_string(&file)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
        let port = match remembered.filter(is_free) {
            Some(port) => port,
            None => free_port()?,
        };
        fs::write(file, port.to_string())?;
        Ok(port)
    }

    fn pg_ctl(&self, action: &str) -> Command {
        let mut command = self.command("pg_ctl");
        command.args([action, "-w", "-s"]);
        command
    }

    /// Returns a command for one of PostgreSQL's programs on this server's data, as the user who owns the data.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.program(name));
        command.current_dir(&self.home).arg("-D").arg(&self.data);
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }
}

/// Returns the last lines of the server's log.
fn tail(log: &std::path::Path) -> String {
    let mut text = String::new();
    if let Ok(mut file) = File::open(log) {
        file.read_to_string(&mut text).ok();
    }
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    format!(
        "the server's log ends: {}",
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    )
}
