//! The cookies of a request, and those that its response sets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, HeaderValue};
use shared::{config::Config, cookie, http::SESSION_LIFETIME};

/// Maximum number of cookies of the cookie cache that one response clears. A request has more only if they were forged,
/// and the next responses clear the rest.
const MAX_CLEARED_CHUNKS: usize = 10;

/// Lifetime of the state cookie, in seconds.
const STATE_LIFETIME: u32 = 300;

/// The `Set-Cookie` values of a response, in order. They are gathered here, because errors set cookies too.
#[derive(Clone, Debug, Default)]
pub struct SetCookies(Arc<Mutex<Vec<String>>>);

impl SetCookies {
    /// Removes and returns all values.
    pub fn take(&self) -> Vec<HeaderValue> {
        std::mem::take(&mut *self.lock())
            .into_iter()
            .filter_map(|cookie| HeaderValue::try_from(cookie).ok())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, cookie: String) {
        let mut cookies = self.lock();
        if !cookies.contains(&cookie) {
            cookies.push(cookie);
        }
    }

    /// Removes the earlier values of a cookie from this response, so that it does not send a token and clear it again.
    fn forget(&self, name: &str) {
        self.lock().retain(|cookie| {
            cookie
                .split_once('=')
                .is_none_or(|(found, _)| found != name)
        });
    }
}

/// The cookies of one request and of its response.
#[derive(Clone, Copy)]
pub struct CookieJar<'r> {
    pub config: &'r Config,
    pub headers: &'r HeaderMap,
    pub answer: &'r SetCookies,
}

impl CookieJar<'_> {
    /// Returns the value of the request's cookie with that short name, if its signature is valid.
    pub fn read(&self, name: &str) -> Option<String> {
        self.config.cookies.read(self.headers, name)
    }

    /// Sets a signed cookie. Without `max_age`, in seconds, it expires with the browser's session.
    pub fn set_signed(&self, name: &str, value: &str, max_age: Option<u32>) {
        let cookies = &self.config.cookies;
        self.answer
            .push(cookies.set(name, &cookies.sign(value), max_age));
    }

    /// Clears a cookie, and removes an earlier value from this response.
    pub fn clear(&self, name: &str) {
        self.answer.forget(&self.config.cookies.name(name));
        self.answer.push(self.config.cookies.clear(name));
    }

    /// Sets the session cookie. It expires with the browser's session if the request's cookie does.
    pub fn set_session(&self, token: &str) {
        if self.read("dont_remember").is_some() {
            self.set_signed("session_token", token, None);
            self.set_signed("dont_remember", "true", None);
        } else {
            self.set_signed("session_token", token, Some(SESSION_LIFETIME));
        }
    }

    /// Clears the three cookies of a session, and the chunks of the cookie cache in the request.
    pub fn clear_session(&self) {
        self.clear("session_token");
        self.clear("session_data");
        for chunk in self.session_data() {
            self.clear(&chunk);
        }
        self.clear("dont_remember");
    }

    /// Clears the cookie cache in the request. The cache is switched off, so it is never valid.
    pub fn clear_session_data(&self) {
        for name in self.session_data() {
            self.clear(&name);
        }
    }

    /// Returns the short names of the cookie cache's cookies in the request: `session_data`, `session_data.0`, …
    fn session_data(&self) -> Vec<String> {
        let whole = self.config.cookies.name("session_data");
        let mut names: Vec<String> = Vec::new();
        for (name, _) in cookie::pairs(self.headers) {
            let Some(rest) = name.strip_prefix(&whole) else {
                continue;
            };
            let is_chunk = rest.strip_prefix('.').is_some_and(|index| {
                !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit())
            });
            let short = format!("session_data{rest}");
            if (rest.is_empty() || is_chunk) && !names.contains(&short) {
                names.push(short);
            }
            if names.len() == MAX_CLEARED_CHUNKS {
                break;
            }
        }
        names
    }

    /// Sets the cookie that binds a flow to this browser.
    pub fn set_state(&self, state: &str) {
        self.set_signed("state", state, Some(STATE_LIFETIME));
    }
}
