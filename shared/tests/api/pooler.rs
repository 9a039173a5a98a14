//! Messages of the protocol that a transaction-mode pooler receives.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use sqlx::{ConnectOptions as _, PgPool};
use testing::App;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    time::{sleep, timeout},
};

use crate::api;

/// Type and content of a client's message. The startup message has no type.
type Message = (char, String);
type Messages = Mutex<Vec<Message>>;

/// Starts a proxy to the database that records the clients' messages. Returns its address.
async fn recorded(db: &PgPool) -> (String, Arc<Messages>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut address = db.connect_options().to_url_lossy();
    let server = (
        address.host_str().unwrap().to_owned(),
        address.port().unwrap_or(5432),
    );
    let port = listener.local_addr().unwrap().port();
    address.set_port(Some(port)).unwrap();
    address.set_query(Some("sslmode=disable"));
    let messages: Arc<Messages> = Arc::default();
    let recorded = Arc::clone(&messages);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(server.clone()).await.unwrap();
            let ((mut near_reads, mut near_writes), (mut far_reads, mut far_writes)) =
                (near.into_split(), far.into_split());
            let recorded = Arc::clone(&recorded);
            tokio::spawn(async move { tokio::io::copy(&mut far_reads, &mut near_writes).await });
            tokio::spawn(async move {
                let mut is_first = true;
                while let Some((kind, bytes)) = message(&mut near_reads, is_first).await {
                    is_first = false;
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    recorded.lock().unwrap().push((kind, text));
                    if kind != ' ' {
                        far_writes
                            .write_u8(u8::try_from(kind).unwrap())
                            .await
                            .unwrap();
                    }
                    let length = u32::try_from(bytes.len() + 4).unwrap();
                    far_writes.write_u32(length).await.unwrap();
                    far_writes.write_all(&bytes).await.unwrap();
                }
            });
        }
    });
    (address.into(), messages)
}

/// Reads a message: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
async fn message(from: &mut OwnedReadHalf, is_first: bool) -> Option<(char, Vec<u8>)> {
    let kind = if is_first {
        ' '
    } else {
        char::from(from.read_u8().await.ok()?)
    };
    let length = from.read_u32().await.ok()?;
    let mut bytes = vec![0; usize::try_from(length).unwrap() - 4];
    from.read_exact(&mut bytes).await.ok()?;
    Some((kind, bytes))
}

/// Sends requests of every kind, and executes a transaction that is committed and one that is dropped. Waits until the pooler
/// has received its rollback.
async fn visit(app: &App, messages: &Messages) {
    let ada = app.user("ada").await;
    for _ in 0..3 {
        ada.get("/me").await.expect(200);
        ada.get("/account").await.expect(200);
        ada.put("/notes", json!({})).await.expect(200);
        ada.post("/notes", json!({"text": "hi"})).await.expect(200);
        app.anyone().get("/people").await.expect(200);
        app.anyone().get("/me").await.expect(401);
    }
    app.anyone().get("/sleep").await.expect(503);
    let mut tx = app.state.db.begin().await.unwrap();
    sqlx::query("select 1").execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    drop(app.state.db.begin().await.unwrap());
    let rolled_back = async {
        while !messages
            .lock()
            .unwrap()
            .iter()
            .any(|(_, text)| text.starts_with("rollback"))
        {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), rolled_back).await.unwrap();
}

/// Returns whether a statement pins a connection:
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html>.
fn pins(text: &str) -> bool {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .map(str::to_ascii_lowercase)
        .collect();
    let is_update = words.iter().any(|word| word == "update");
    words.iter().any(|word| {
        [
            "prepare",
            "discard",
            "deallocate",
            "listen",
            "declare",
            "temp",
        ]
        .contains(&word.as_str())
            || (word == "set" && !is_update)
            || (word.contains("advisory") && !word.contains("xact"))
            || word == "set_config"
    })
}

#[testkit::test]
async fn no_statement_pins_a_connection_of_the_pooler(db: PgPool) {
    let (address, messages) = recorded(&db).await;
    let variables = [
        ("DATABASE_URL", address.as_str()),
        ("DATABASE_POOLER", "transaction"),
        ("DATABASE_MAX_CONNECTIONS", "1"),
    ];
    let app = App::connected(api(), &variables);

    visit(&app, &messages).await;

    let messages = messages.lock().unwrap();
    let of = |kind: char| messages.iter().filter(move |(found, _)| *found == kind);
    for (_, startup) in of(' ') {
        assert!(!startup.contains("options"), "{startup:?}");
        assert!(!startup.contains("extra_float_digits"), "{startup:?}");
    }
    for (_, text) in of('Q').chain(of('P')) {
        assert!(!pins(text), "{text:?}");
    }
    // Each named statement is parsed once, and each of its executions is one round trip.
    let (parsed, bound) = (of('P').count(), of('B').count());
    assert!(parsed > 5 && bound > 2 * parsed, "{parsed} and {bound}");
    for (_, text) in of('P') {
        assert!(text.starts_with("sqlx_s_"), "{text:?}");
    }
    let commands: Vec<&str> = of('Q')
        .map(|(_, text)| text.trim_end_matches('\0'))
        .collect();
    assert_eq!(commands, ["begin", "commit", "begin", "rollback"]);
}

#[testkit::test]
async fn an_older_pooler_gets_unnamed_statements_in_transactions(db: PgPool) {
    let (address, messages) = recorded(&db).await;
    let variables = [
        ("DATABASE_URL", address.as_str()),
        ("DATABASE_POOLER", "transaction-unnamed"),
    ];
    let app = App::connected(api(), &variables);

    visit(&app, &messages).await;

    let messages = messages.lock().unwrap();
    let of = |kind: char| messages.iter().filter(move |(found, _)| *found == kind);
    assert!(of('P').all(|(_, text)| text.starts_with('\0')));
    assert!(of('Q').any(|(_, text)| text.starts_with("begin")));
    // The server limits anonymous reads, too.
    assert!(of('Q').any(|(_, text)| text.contains("statement_timeout = 1000")));
}

/// Without a pooler, the limits are options in the startup message.
#[testkit::test]
async fn a_direct_connection_has_its_limits_from_the_start(db: PgPool) {
    let (address, _) = recorded(&db).await;
    let app = App::connected(api(), &[("DATABASE_URL", &address)]);

    for (name, expected) in [
        ("statement_timeout", "5s"),
        ("lock_timeout", "4s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("client_connection_check_interval", "200ms"),
    ] {
        let value: String = sqlx::query_scalar("select current_setting($1)")
            .bind(name)
            .fetch_one(&app.state.db)
            .await
            .unwrap();
        assert_eq!(value, expected, "{name}");
    }
}
