//! A PostgreSQL server of one test.

use std::{fs, path::Path};

use xtask::{private_server::PrivateServer, tls::Authority};

/// A server that requires a password of the user `app`, unlike the shared server.
pub struct Server {
    inner: PrivateServer,
    pub port: u16,
}

impl Server {
    pub async fn start() -> Self {
        let inner = PrivateServer::start(Path::new(env!("CARGO_BIN_EXE_xtask"))).unwrap();
        let rules = inner.show("show hba_file").await.unwrap();
        let others = fs::read_to_string(&rules).unwrap();
        let users = "app,owner,codecave_a,codecave_b";
        fs::write(
            &rules,
            format!("host all {users} all scram-sha-256\n{others}"),
        )
        .unwrap();
        let port = inner.port;
        let server = Self { inner, port };
        server.execute("select pg_reload_conf()").await;
        server
            .execute("create role app login superuser password 'one'")
            .await;
        server.execute("create database app").await;
        server
    }

    /// Enables TLS with a certificate for `localhost`. Returns the certificate of its authority in PEM format.
    pub async fn speak_tls(&self) -> String {
        let authority = Authority::new().unwrap();
        let certificate = authority.issue().unwrap();
        self.inner.enable_tls(&certificate).await.unwrap();
        authority.pem().to_owned()
    }

    pub async fn execute(&self, sql: &str) {
        self.inner.execute(sql).await.unwrap();
    }

    /// Creates a database as on RDS: its owner is not a superuser, but may create roles. Returns the address for a superuser.
    pub async fn database_of_owner(&self) -> String {
        self.execute("create role owner login createrole password 'owned'")
            .await;
        self.execute("create database codecave owner owner").await;
        self.inner.address("127.0.0.1", "codecave")
    }

    /// Returns the address for `app` with this password.
    pub fn address(&self, password: &str) -> String {
        format!("postgres://app:{password}@127.0.0.1:{}/app", self.port)
    }
}
