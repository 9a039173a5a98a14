//! The events of `events/`, answered with the environment that the template declares.

use sqlx::PgPool;
use xtask::bundle::FUNCTIONS;

use crate::{address, deployment, reason};

#[sqlx::test(migrations = false)]
async fn a_new_stack_migrates_and_then_answers_all_events(db: PgPool) {
    let deployment = deployment(&address(&db)).await;

    let answer = deployment.migrate("Create").await.unwrap();
    let replayed = deployment.replay().await.unwrap();

    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(answer["LogicalResourceId"], "Migration");
    let status = |event: &str| {
        let found = replayed.iter().find(|replayed| replayed.event == event);
        found.unwrap().status
    };
    assert_eq!(status("health-show"), 200);
    assert_eq!(status("projects-list"), 200);
    assert_eq!(status("users-show-profile"), 401);
    assert_eq!(status("auth-sign-in-social"), 200);
}

#[sqlx::test(migrations = false)]
async fn the_functions_ask_aws_for_what_the_template_allows_and_no_more(db: PgPool) {
    let mut deployment = deployment(&address(&db)).await;

    deployment.check_permissions().await.unwrap();

    let secret = deployment.app_secret.clone();
    let read = ("secretsmanager:GetSecretValue".to_owned(), secret);
    deployment.function("users").allowed.remove(&read);
    let error = deployment.check_permissions().await.unwrap_err();
    assert!(
        format!("{error:#}").starts_with("users asks for"),
        "{error:#}"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn a_variable_that_the_template_forgets_is_noticed(db: PgPool) {
    let mut deployment = deployment(&address(&db)).await;
    for (variable, lacking) in [
        ("BETTER_AUTH_URL", "BETTER_AUTH_URL"),
        ("DATABASE_SECRET_ID", "DATABASE_URL"),
        ("APP_SECRETS_ID", "BETTER_AUTH_SECRET"),
    ] {
        for name in FUNCTIONS {
            let forgotten = deployment.function(name).environment.remove(variable);

            let reason = reason(deployment.start(name).await);

            let complaint = format!("Error: Missing required environment variables: {lacking}");
            assert!(reason.starts_with(&complaint), "{name}: {reason}");
            let environment = &mut deployment.function(name).environment;
            environment.insert(variable.to_owned(), forgotten.unwrap());
        }
    }
}
