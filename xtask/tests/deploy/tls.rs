//! Verification of the database's certificate.

use serde_json::json;

use crate::{deployment, server::Server};

#[tokio::test]
async fn a_private_certificate_authority_in_the_secret_is_trusted() {
    let server = Server::start().await;
    let certificate = server.speak_tls().await;
    let deployment = deployment("unused").await;
    let url = |host| {
        format!(
            "postgres://app:one@{host}:{}/app?sslmode=verify-full",
            server.port
        )
    };

    let mut outcomes = Vec::new();
    for secret in [
        json!({ "DATABASE_URL": url("localhost") }),
        json!({ "DATABASE_URL": url("127.0.0.1"), "DATABASE_CA": certificate }),
        json!({ "DATABASE_URL": url("localhost"), "DATABASE_CA": certificate }),
    ] {
        let id = &deployment.database_secret;
        let secret = secret.to_string();
        deployment.aws.change_secret(id, &secret).await.unwrap();
        let answer = deployment.migrate("Create").await.unwrap();
        outcomes.push((answer["Status"].clone(), answer["Reason"].to_string()));
    }

    let [stranger, other_name, known] = outcomes.try_into().unwrap();
    assert_eq!(stranger.0, "FAILED");
    assert!(
        stranger.1.contains("invalid peer certificate"),
        "{}",
        stranger.1
    );
    assert_eq!(other_name.0, "FAILED");
    assert!(
        other_name.1.contains("not valid for name"),
        "{}",
        other_name.1
    );
    assert_eq!(known.0, "SUCCESS", "{}", known.1);
}
