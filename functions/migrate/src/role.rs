//! The role that the application logs in as. It reads and writes rows and changes no table.
//!
//! Two names alternate. A rotation gives the other name a new password. Both are accepted until the next rotation, so
//! that running instances are not affected.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use platform::{db::PLANNER_SETTINGS, random};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::scram;

/// Settings of the role, beside [`PLANNER_SETTINGS`]. A pooler shares the sessions of the server, so sessions cannot set them.
const SETTINGS: [(&str, &str); 4] = [
    ("statement_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("lock_timeout", "4s"),
    // A statement ends when its client has closed the connection, because a time limit has passed there.
    ("client_connection_check_interval", "200ms"),
];

/// Name and password of the application's role.
pub struct Role {
    name: String,
    password: String,
}

impl Role {
    /// Reads the secret that the application's functions read.
    pub fn of_secret(secret: &HashMap<String, String>) -> anyhow::Result<Self> {
        let value = |name: &str| {
            let value = secret.get(name).filter(|value| !value.is_empty());
            value.with_context(|| format!("the secret of the role has no {name}"))
        };
        let (name, password) = (value("username")?, value("password")?);
        ensure!(
            is_plain(name, "_") && is_plain(password, ""),
            "the secret of the role may contain letters and digits only"
        );
        Ok(Self {
            name: name.clone(),
            password: password.clone(),
        })
    }

    /// Returns the credentials that replace these: the other name, with a new password.
    pub fn successor(&self) -> Self {
        let name = match self.name.strip_suffix("_b") {
            Some(base) => format!("{base}_a"),
            None => format!("{}_b", self.name.trim_end_matches("_a")),
        };
        Self {
            name,
            password: random::text(48, random::ALPHANUMERIC),
        }
    }

    /// Returns the text of the secret, in the form that RDS Proxy reads.
    pub fn to_secret(&self) -> String {
        json!({ "username": self.name, "password": self.password }).to_string()
    }

    /// Creates the role unless it exists, and gives it its password, settings and rights.
    pub async fn create_or_update(&self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let mut tx = connection.begin().await?;
        let role = &self.name;
        let exists: bool =
            sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
                .bind(role)
                .fetch_one(&mut *tx)
                .await?;
        let database: String = sqlx::query_scalar("select quote_ident(current_database())")
            .fetch_one(&mut *tx)
            .await?;
        let mut statements = Vec::new();
        if !exists {
            statements.push(format!("create role {role}"));
        }
        // The server receives a hash, so the password does not appear in its log.
        let hash = scram::hash(&self.password);
        statements.push(format!("alter role {role} login password '{hash}'"));
        for (setting, value) in SETTINGS.into_iter().chain(PLANNER_SETTINGS) {
            statements.push(format!("alter role {role} set {setting} = '{value}'"));
        }
        statements.extend([
            format!("grant connect on database {database} to {role}"),
            format!("grant usage on schema public to {role}"),
            format!(
                "grant select, insert, update, delete on all tables in schema public to {role}"
            ),
            format!("grant usage, select on all sequences in schema public to {role}"),
            format!("revoke insert, update, delete on _sqlx_migrations from {role}"),
            // Default privileges apply to the objects of later migrations when they are created.
            format!(
                "alter default privileges in schema public \
                 grant select, insert, update, delete on tables to {role}"
            ),
            format!(
                "alter default privileges in schema public \
                 grant usage, select on sequences to {role}"
            ),
        ]);
        sqlx::raw_sql(AssertSqlSafe(statements.join(";\n")))
            .execute(&mut *tx)
            .await
            .context("the role of the application cannot be set up")?;
        tx.commit().await?;
        Ok(())
    }
}

fn is_plain(text: &str, others: &str) -> bool {
    text.chars()
        .all(|char| char.is_ascii_alphanumeric() || others.contains(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, password: &str) -> anyhow::Result<Role> {
        let secret = [("username", name), ("password", password)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Role::of_secret(&secret.into())
    }

    #[test]
    fn two_names_alternate() {
        let first = role("codecave_a", "one").unwrap();
        let second = first.successor();
        let third = second.successor();

        assert_eq!(second.name, "codecave_b");
        assert_eq!(third.name, "codecave_a");
        assert_ne!(third.password, first.password);
        assert_eq!(second.password.len(), 48);
    }

    #[test]
    fn a_name_that_would_be_sql_is_rejected() {
        for (name, password) in [("a; drop table x", "b"), ("a", "b'"), ("", "b"), ("a", "")] {
            let error = role(name, password).err().unwrap().to_string();
            assert!(error.starts_with("the secret of the role"), "{error}");
        }
    }
}
