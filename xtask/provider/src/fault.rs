//! Faults that a test can switch on, and the requests that an endpoint received.

use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::Value;

use crate::http::Fields;

/// An endpoint that the API calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    GitHubToken,
    GitHubUser,
    GitHubEmails,
    GoogleToken,
    GoogleKeys,
    GoogleUserinfo,
    /// The target of [`Fault::Redirect`]. The API must not call it.
    Elsewhere,
}

impl Endpoint {
    pub(crate) fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/github/login/oauth/access_token" => Self::GitHubToken,
            "/github/user" => Self::GitHubUser,
            "/github/user/emails" => Self::GitHubEmails,
            "/google/token" => Self::GoogleToken,
            "/google/certs" => Self::GoogleKeys,
            "/google/userinfo" => Self::GoogleUserinfo,
            "/elsewhere" => Self::Elsewhere,
            _ => return None,
        })
    }
}

/// A fault of an endpoint, which lasts until [`crate::Provider::recover`].
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status with a JSON body.
    Status(u16),
    /// An OAuth error: with status 200 from GitHub, 400 from Google.
    Error(&'static str),
    /// Status 200 with a JSON content type and a body that is not JSON.
    Garbage,
    /// Status 200 with this body.
    Body(Value),
    /// The usual response with the members of this object. A null removes a member.
    Patch(Value),
    /// The usual response after this delay.
    Slow(Duration),
    /// 302 to [`Endpoint::Elsewhere`], which responds like a token endpoint.
    Redirect,
    /// The connection ends in the middle of the response.
    Disconnect,
}

/// A request that an endpoint received.
#[derive(Clone, Debug)]
pub struct Received {
    pub endpoint: Endpoint,
    pub headers: HeaderMap,
    pub(crate) form: Fields,
}

impl Received {
    /// Returns the value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns a field of the form.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.get(name)
    }

    /// Returns the names of the form's fields, in order.
    pub fn field_names(&self) -> Vec<&str> {
        self.form.iter().map(|(name, _)| name).collect()
    }
}
