//! A PostgreSQL server of one test.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// A server that requires a password of the user `app`, unlike the shared server.
pub struct Server {
    folder: PathBuf,
    keeper: Child,
    pub port: u16,
}

impl Server {
    pub async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("xtask-rotation-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        let mut keeper = Command::new(env!("CARGO_BIN_EXE_xtask"))
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
        let server = Self {
            folder,
            keeper,
            port: port.trim().parse().unwrap(),
        };
        let rules = server.show("show hba_file").await;
        let others = fs::read_to_string(&rules).unwrap();
        let users = "app,owner,codecave_a,codecave_b";
        fs::write(
            &rules,
            format!("host all {users} all scram-sha-256\n{others}"),
        )
        .unwrap();
        server.execute("select pg_reload_conf()").await;
        server
            .execute("create role app login superuser password 'one'")
            .await;
        server.execute("create database app").await;
        server
    }

    async fn connect(&self) -> PgConnection {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        PgConnection::connect(&url).await.unwrap()
    }

    /// Returns the value of a setting.
    async fn show(&self, setting: &'static str) -> String {
        sqlx::query_scalar(setting)
            .fetch_one(&mut self.connect().await)
            .await
            .unwrap()
    }

    /// Enables TLS with a self-signed certificate for `localhost`. Returns the certificate in PEM format.
    pub async fn speak_tls(&self) -> String {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let data = PathBuf::from(self.show("show data_directory").await);
        let owner = fs::metadata(&data).unwrap();
        for (name, text) in [
            ("server.crt", made.cert.pem()),
            ("server.key", made.signing_key.serialize_pem()),
        ] {
            let file = data.join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
            chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        self.execute("alter system set ssl = on").await;
        self.execute("select pg_reload_conf()").await;
        made.cert.pem()
    }

    pub async fn execute(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.connect().await)
            .await
            .unwrap();
    }

    /// Creates a database as on RDS: its owner is not a superuser, but may create roles. Returns the address for a superuser.
    pub async fn database_of_owner(&self) -> String {
        self.execute("create role owner login createrole password 'owned'")
            .await;
        self.execute("create database codecave owner owner").await;
        format!("postgres://postgres@127.0.0.1:{}/codecave", self.port)
    }

    /// Returns the address for `app` with this password.
    pub fn address(&self, password: &str) -> String {
        format!("postgres://app:{password}@127.0.0.1:{}/app", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}
