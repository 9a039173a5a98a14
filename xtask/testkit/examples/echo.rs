//! The function under the tests of the emulator. The event selects what it does, and the variable `ECHO_INIT` how it starts.

use std::{env, time::Duration};

use lambda_extension::{Extension, NextEvent, service_fn as extension_fn};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match env::var("ECHO_INIT").as_deref() {
        Ok("exit") => std::process::exit(7),
        Ok("extension") => {
            let extension = Extension::new()
                .with_events(&["INVOKE"])
                .with_events_processor(extension_fn(after))
                .register()
                .await?;
            tokio::spawn(extension.run());
        }
        Ok("shutdown") => {
            Extension::new()
                .with_events(&["SHUTDOWN"])
                .register()
                .await?;
        }
        _ => {}
    }
    lambda_runtime::run(service_fn(answer)).await
}

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Error> {
    println!("event {}", event.payload);
    match event.payload["do"].as_str() {
        Some("fail") => Err("as asked".into()),
        Some("exit") => std::process::exit(3),
        Some("grow") => Ok(Value::String("x".repeat(6 * 1024 * 1024))),
        _ => Ok(json!({
            "event": event.payload,
            "arn": event.context.invoked_function_arn,
            "name": event.context.env_config.function_name,
            "home": env::var("HOME").ok(),
        })),
    }
}

async fn after(event: lambda_extension::LambdaEvent) -> Result<(), Error> {
    if let NextEvent::Invoke(event) = event.next {
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("flushed {}", !event.request_id.is_empty());
    }
    Ok(())
}
