//! The state of the provider: people, grants, faults and the requests that it received.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::{HeaderMap, header};

use crate::{
    fault::{Endpoint, Fault, Received},
    grant::{Grant, Service},
    people::{Person, sample_people},
};

/// The state that every handler receives.
pub type Shared = Arc<State>;

pub struct State {
    /// The address of this server, without a trailing slash.
    pub url: String,
    /// The addresses of the API to which the page at `/` signs in, and of the web app.
    pub api: Option<(String, String)>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
pub struct Inner {
    pub people: Vec<Person>,
    pub codes: HashMap<String, Grant>,
    pub access_tokens: HashMap<String, Grant>,
    pub refresh_tokens: HashMap<String, Grant>,
    pub faults: HashMap<Endpoint, Fault>,
    pub received: Vec<Received>,
    /// Whether GitHub's tokens expire, as those of a GitHub App do.
    pub github_tokens_expire: bool,
}

impl State {
    /// Returns the state of a server at this address, with the sample people.
    pub fn new(url: String, api: Option<(String, String)>) -> Shared {
        Arc::new(Self {
            url,
            api,
            inner: Mutex::new(Inner {
                people: sample_people(),
                ..Inner::default()
            }),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the grant of the access token in the `Authorization` header.
    pub fn bearer(&self, headers: &HeaderMap, service: Service) -> Option<Grant> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let token = value
            .strip_prefix("Bearer ")
            .or_else(|| value.strip_prefix("token "))?;
        self.lock()
            .access_tokens
            .get(token)
            .filter(|grant| grant.service == service)
            .cloned()
    }

    /// Adds the person, or replaces one with the same id. Returns the person.
    pub fn register(&self, person: Person) -> Person {
        let mut inner = self.lock();
        match inner.people.iter_mut().find(|known| known.id == person.id) {
            Some(known) => *known = person.clone(),
            None => inner.people.push(person.clone()),
        }
        person
    }
}
