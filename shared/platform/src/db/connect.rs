//! The options of a connection.

use std::time::Duration;

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::authorities;
use crate::config::{DatabaseConfig, Pooler};

/// Settings of every session, as names and values. Without a pooler, connections start with them; otherwise, they are settings of
/// the role.
pub const PLANNER_SETTINGS: [(&str, &str); 2] = [
    // JIT compilation takes longer than any of the statements may run.
    ("jit", "off"),
    // With the default of 4 MB, a bitmap of the rows of 50,000 pages forgets the rows, and each row of these pages is checked.
    ("work_mem", "16MB"),
];

/// Returns the options to connect to the configured database. In production, the server's certificate is verified unless
/// the server is local.
pub fn connect_options(
    config: &DatabaseConfig,
    production: bool,
) -> anyhow::Result<PgConnectOptions> {
    let options: PgConnectOptions = match &config.url {
        // The parser's message may quote the password.
        Some(url) => url
            .parse()
            .map_err(|_| anyhow::anyhow!("the value of DATABASE_URL is not an address"))?,
        None => PgConnectOptions::new(),
    };
    let verified = matches!(
        options.get_ssl_mode(),
        PgSslMode::VerifyCa | PgSslMode::VerifyFull
    );
    let local = matches!(
        options.get_host(),
        "localhost" | "127.0.0.1" | "::1" | "[::1]"
    ) || options.get_socket().is_some();
    let options = if production && !local && !verified {
        options.ssl_mode(PgSslMode::VerifyFull)
    } else {
        options
    };
    let authority = config
        .authorities
        .clone()
        .or_else(|| authorities::of_rds_host(options.get_host()).map(str::to_owned));
    let options = match authority {
        Some(certificates) => options.ssl_root_cert_from_pem(certificates.into_bytes()),
        None => options,
    };
    // Telemetry logs slow statements itself, with their route.
    let options = options.disable_statement_logging();
    let millis = |timeout: Duration| timeout.as_millis().to_string();
    Ok(match config.pooler {
        Pooler::None => options
            .application_name("codecave")
            .options(PLANNER_SETTINGS)
            .options([
                ("statement_timeout", millis(config.statement_timeout)),
                ("lock_timeout", millis(config.lock_timeout)),
                (
                    "idle_in_transaction_session_timeout",
                    millis(config.idle_in_transaction_timeout),
                ),
            ]),
        // PgBouncer rejects connections with startup parameters that it does not know.
        Pooler::Transaction => options.extra_float_digits(None),
        Pooler::TransactionUnnamed => options.statement_cache_capacity(0).extra_float_digits(None),
    })
}
