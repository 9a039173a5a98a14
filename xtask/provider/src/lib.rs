//! A local stand-in for the sign-in of GitHub and of Google, for development and for tests.
//!
//! It implements an authorize page, a token endpoint that checks client, redirect address and PKCE verifier, profiles, and
//! RS256 id tokens with their keys. A developer chooses a person on the page. A test registers people, completes the flow
//! without a browser, and makes single endpoints fail.
//!
//! ```no_run
//! # async fn example(authorize_url: &str) -> std::io::Result<()> {
//! use provider::{Endpoint, Fault, Person, Provider};
//!
//! let provider = Provider::start().await?;
//! let ada = provider.register(Person::new("ada").bio("Analyst").unverified());
//!
//! // `authorize_url` is the `url` that `POST /api/auth/sign-in/social` returned.
//! let callback = provider.sign_in(authorize_url, &ada);
//!
//! provider.fail(Endpoint::GitHubToken, Fault::Status(500));
//! # Ok(())
//! # }
//! ```

mod authorize;
mod client;
mod fault;
mod github;
mod google;
mod grant;
mod http;
mod keys;
mod misbehave;
mod page;
mod people;
mod server;
mod state;
mod token;

pub use client::{GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET, GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET};
pub use fault::{Endpoint, Fault, Received};
pub use grant::Service;
pub use people::{Email, Person, sample_people};
pub use server::Provider;
