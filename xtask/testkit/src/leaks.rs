//! Finds secrets and personal data in logs, events and metrics.
//!
//! Two kinds are searched for: known values, and texts that look like a secret. The second kind finds values that the
//! database no longer holds or never held.

use std::{borrow::Cow, collections::HashMap, fmt::Write as _};

use anyhow::bail;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use sqlx::PgConnection;

/// Minimum length of a run of letters and digits in a known value to be searched for. Tokens have at least 24.
const RUN: usize = 24;
/// Minimum length of an unknown run of letters and digits to count as a key or a verifier. Ids and session tokens have 32,
/// so they are found only if they are known.
const LONG_RUN: usize = 48;
/// Number of characters that are shown on each side of a leak.
const CONTEXT: usize = 160;
/// Maximum number of leaks that are shown.
const SHOWN: usize = 5;

/// Names of fields whose values are never logged, as in the code that filters them.
const SECRET_NAMES: [&str; 8] = [
    "cookie",
    "authorization",
    "token",
    "secret",
    "password",
    "api-key",
    "apikey",
    "email",
];
/// The text that replaces filtered values.
const FILTERED: &str = "[filtered]";
/// Texts that precede a secret in cookies, headers and queries.
const PREFIXES: [(&str, &str); 8] = [
    ("session_token=", "a session cookie"),
    ("session_data=", "a session cookie"),
    ("Bearer ", "a bearer token"),
    ("?code=", "an OAuth code"),
    ("&code=", "an OAuth code"),
    ("?state=", "an OAuth state"),
    ("&state=", "an OAuth state"),
    ("code_verifier", "an OAuth verifier"),
];

/// Records every secret that is stored from now on, because its row may be deleted before the check.
const NOTE: &str = r#"
    create table noted_secret (kind text not null, value text not null);
    create function note_secrets() returns trigger language plpgsql as $$
    begin
        insert into noted_secret
        select tg_table_name || '.' || key, value
        from jsonb_each_text(to_jsonb(new))
        where key = any(tg_argv) and value is not null;
        return null;
    end $$;
    create trigger note_secrets after insert or update of email on "user"
        for each row execute function note_secrets('email');
    create trigger note_secrets after insert or update of token on session
        for each row execute function note_secrets('token');
    create trigger note_secrets after insert or update of "accessToken", "refreshToken", "idToken", password on account
        for each row execute function note_secrets('accessToken', 'refreshToken', 'idToken', 'password');
    create trigger note_secrets after insert or update of identifier on verification
        for each row execute function note_secrets('identifier');
    create trigger note_secrets after insert or update of key on apikey
        for each row execute function note_secrets('key');
"#;

/// Prepares a test's database to record the secrets that are stored in it.
pub async fn note(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(NOTE).execute(db).await.map(drop)
}

/// Values that must not be found.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Whole values, and their kinds.
    values: Vec<(String, String)>,
    /// Long runs of letters and digits in values, and their kinds.
    runs: HashMap<String, String>,
}

impl Secrets {
    /// Returns the values of the variables that are secrets.
    pub fn of_configuration<'v>(variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        let mut secrets = Self::default();
        for (name, value) in variables {
            if name.ends_with("_SECRET") || name.ends_with("_TOKEN") {
                secrets.add(name, value);
            }
        }
        secrets
    }

    /// Adds a value that must not be found.
    pub fn add(&mut self, kind: &str, value: &str) {
        self.values.push((kind.to_owned(), value.to_owned()));
    }

    /// Adds the values that the database has recorded. Returns their number.
    pub async fn add_noted(&mut self, db: &mut PgConnection) -> sqlx::Result<usize> {
        let noted: Vec<(String, String)> =
            sqlx::query_as("select distinct kind, value from noted_secret")
                .fetch_all(db)
                .await?;
        for (kind, value) in &noted {
            for run in runs(value).filter(|run| run.len() >= RUN) {
                self.runs.insert(run.to_owned(), kind.clone());
            }
        }
        Ok(noted.len())
    }

    /// Returns an error if the text contains a secret. The error has the secret's kind and its line without the secret.
    pub fn check(&self, what: &str, text: &str) -> anyhow::Result<()> {
        let leaks: Vec<String> = text.lines().flat_map(|line| self.leaks(line)).collect();
        if leaks.is_empty() {
            return Ok(());
        }
        let mut report = format!(
            "the {what} contain {} secrets or personal data:",
            leaks.len()
        );
        for leak in leaks.iter().take(SHOWN) {
            let _ = write!(report, "\n  {leak}");
        }
        bail!(report);
    }

    fn leaks(&self, line: &str) -> Vec<String> {
        let decoded = percent_decode_str(line).decode_utf8_lossy();
        let mut found: Vec<(Cow<'_, str>, &str)> = Vec::new();
        for (kind, value) in &self.values {
            if decoded.contains(value.as_str()) {
                found.push((value.into(), kind));
            }
        }
        for run in runs(&decoded).filter(|run| run.len() >= RUN) {
            if let Some(kind) = self.runs.get(run) {
                found.push((run.into(), kind));
            } else if run.len() >= LONG_RUN && !run.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                found.push((run.into(), "a key"));
            }
        }
        for (prefix, kind) in PREFIXES {
            if let Some((_, rest)) = decoded.split_once(prefix) {
                let end = rest.find(ends_value).unwrap_or(rest.len());
                found.push((rest[..end].to_owned().into(), kind));
            }
        }
        let addresses = decoded.split(|c| !is_of_address(c));
        for address in addresses.filter(|word| is_address(word)) {
            found.push((address.into(), "an e-mail address"));
        }
        if let Ok(value) = serde_json::from_str(line) {
            let mut fields = Vec::new();
            secret_fields(value, &mut fields);
            found.extend(
                fields
                    .into_iter()
                    .map(|value| (value.into(), "a secret field")),
            );
        }
        let mut leaks: Vec<String> = found
            .iter()
            .map(|(secret, kind)| format!("{kind} in {}", without(&decoded, secret)))
            .collect();
        leaks.dedup();
        leaks
    }
}

/// Returns the runs of letters, digits and the two other characters of URL-safe Base64.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ';' | ',')
}

fn is_of_address(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '+' | '-' | '@')
}

/// Returns whether a word is an e-mail address. `codecave@1.0.0`, `key@127.0.0.1` and `@types/node` are not.
fn is_address(word: &str) -> bool {
    let Some((name, host)) = word.split_once('@') else {
        return false;
    };
    let host = host.trim_end_matches('.');
    let Some((domain, last)) = host.rsplit_once('.') else {
        return false;
    };
    let is_last = last.len() >= 2 && last.chars().all(char::is_alphabetic);
    !name.is_empty() && !domain.is_empty() && is_last
}

/// Collects the texts in fields with secret names, at any depth.
fn secret_fields(value: Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.to_ascii_lowercase();
                match value {
                    Value::String(text) if SECRET_NAMES.iter().any(|part| name.contains(part)) => {
                        if !text.is_empty() && text != FILTERED {
                            found.push(text);
                        }
                    }
                    value => secret_fields(value, found),
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                secret_fields(value, found);
            }
        }
        _ => {}
    }
}

/// Returns the text around the secret, without the secret.
fn without(line: &str, secret: &str) -> String {
    let Some((before, after)) = line.split_once(secret) else {
        return "a line".to_owned();
    };
    let start = before.floor_char_boundary(before.len().saturating_sub(CONTEXT));
    let end = after.floor_char_boundary(CONTEXT.min(after.len()));
    format!("{}[…]{}", &before[start..], &after[..end]).replace(secret, "[…]")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "pAQ8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3E";

    fn secrets() -> Secrets {
        let variables = [("GITHUB_CLIENT_SECRET", "hunter2"), ("PORT", "3001")];
        let mut secrets = Secrets::of_configuration(variables);
        secrets
            .runs
            .insert(TOKEN.to_owned(), "session.token".to_owned());
        secrets
    }

    #[test]
    fn secrets_are_found_and_not_repeated() {
        let key = "k".repeat(64);
        for (line, kind) in [
            (
                r#"{"message":"no row for ada@leak.example"}"#,
                "an e-mail address",
            ),
            ("GET /users?q=ada%40leak.example", "an e-mail address"),
            (&format!("token {TOKEN} is bad"), "session.token"),
            (&format!("session_token={TOKEN}.signature"), "session.token"),
            ("cookie better-auth.session_token=x", "a session cookie"),
            ("Authorization: Bearer abc", "a bearer token"),
            ("/api/auth/callback/github?code=abc", "an OAuth code"),
            (&format!("cc_{key}"), "a key"),
            ("the secret is hunter2!", "GITHUB_CLIENT_SECRET"),
            (r#"{"fields":[{"accessToken":"abc"}]}"#, "a secret field"),
        ] {
            let report = secrets().check("logs", line).unwrap_err().to_string();

            assert!(report.contains(kind), "{report}");
            for secret in ["leak.example", TOKEN, "abc", "hunter2", "kkk"] {
                assert!(!report.contains(secret), "{report}");
            }
        }
    }

    #[test]
    fn harmless_texts_are_not_found() {
        let id = "8n2FvXb7Zc1LmT5yRk0WuJ6HsDg3EpAQ";
        for line in [
            &format!(r#"{{"userId":"{id}","requestId":"3f6c0a5e-6f0c-4c3a-9a55-0d6f7c3b1c11"}}"#),
            r#"{"email":"[filtered]","token":null,"message":"mail to [filtered]"}"#,
            "select * from a where tags @> $1 and b.c @@ d.e",
            "codecave@1.0.0 postgres://postgres@127.0.0.1:5432/db http://key@127.0.0.1:1/7 @types/node",
            r#"{"trace_id":"771a43a4192642f0b136d5159a501700","public_key":"key","PORT":"3001"}"#,
        ] {
            secrets().check("logs", line).unwrap();
        }
    }
}
