//! Finds the function for a path.

use anyhow::Context as _;
use matchit::Router;
use serde_json::Value;

use crate::manifest::Manifest;

/// The routes of `cargo lambda watch` in `Cargo.toml`. They are matched by the same rules.
pub struct Routes(Router<String>);

impl Routes {
    /// Reads the routes from the metadata of the workspace.
    pub async fn read() -> anyhow::Result<Self> {
        let manifest = Manifest::read().await?;
        Self::of(&manifest.metadata["lambda"]["watch"]["router"])
    }

    fn of(table: &Value) -> anyhow::Result<Self> {
        let table = table
            .as_object()
            .context("Cargo.toml has no table workspace.metadata.lambda.watch.router")?;
        let mut router = Router::new();
        for (pattern, function) in table {
            let function = function
                .as_str()
                .with_context(|| format!("the route {pattern} in Cargo.toml names no function"))?;
            router
                .insert(pattern, function.to_owned())
                .with_context(|| format!("the route {pattern} in Cargo.toml"))?;
        }
        Ok(Self(router))
    }

    /// Returns the function that serves the path.
    pub fn function(&self, path: &str) -> Option<&str> {
        self.0.at(path).ok().map(|found| found.value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_go_where_cargo_toml_sends_them() {
        let routes = Routes::read().await.unwrap();

        for (path, function) in [
            ("/", "health"),
            ("/docs", "health"),
            ("/nope/at/all", "health"),
            ("/api/auth/sign-in/social", "auth"),
            ("/users", "users"),
            ("/users/", "users"),
            ("/users/profile", "users"),
            ("/users/1/follow", "social"),
            ("/projects/1", "projects"),
            ("/projects/1/comments", "social"),
            ("/projects/1/views", "projects"),
            ("/feed", "social"),
            ("/images/a/b.png", "projects"),
        ] {
            assert_eq!(routes.function(path), Some(function), "{path}");
        }
    }

    #[test]
    fn a_route_without_a_function_is_rejected() {
        let table = serde_json::json!({ "/users": [] });

        let error = Routes::of(&table).err().unwrap();

        assert!(error.to_string().contains("/users"), "{error}");
    }
}
