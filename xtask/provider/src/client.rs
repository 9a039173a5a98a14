//! The OAuth clients that the provider has registered.

pub const GITHUB_CLIENT_ID: &str = "local-github-client";
pub const GITHUB_CLIENT_SECRET: &str = "local-github-secret";
pub const GOOGLE_CLIENT_ID: &str = "local-google-client.apps.googleusercontent.com";
pub const GOOGLE_CLIENT_SECRET: &str = "local-google-secret";

/// The credentials of a registered client.
pub struct Client {
    pub id: &'static str,
    pub secret: &'static str,
}

pub const GITHUB: Client = Client {
    id: GITHUB_CLIENT_ID,
    secret: GITHUB_CLIENT_SECRET,
};

pub const GOOGLE: Client = Client {
    id: GOOGLE_CLIENT_ID,
    secret: GOOGLE_CLIENT_SECRET,
};
