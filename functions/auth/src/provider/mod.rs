//! The providers, GitHub and Google: their addresses, requests, tokens and profiles.

mod github;
mod google;
mod http;
mod keys;
mod profile;
mod providers;
mod token;

pub use profile::Profile;
pub use providers::{Authorize, Provider, Providers, Service, deadline};
pub use token::Tokens;
