//! The authorize pages, on which a person signs in or declines.

use axum::{
    extract::{OriginalUri, RawQuery, State as AxumState},
    http::StatusCode,
    response::Response,
};
use url::Url;

use crate::{
    client::{GITHUB, GOOGLE},
    grant::{Grant, Service, random},
    http::{self, Fields},
    page,
    people::Person,
    state::{Shared, State},
};

const GITHUB_PATH: &str = "/github/login/oauth/authorize";
const GOOGLE_PATH: &str = "/google/o/oauth2/v2/auth";

/// An authorize request.
pub struct Ask {
    service: Service,
    /// As the client wrote it. The token request must repeat it exactly.
    redirect_uri: String,
    callback: Url,
    state: Option<String>,
    challenge: Option<String>,
    scopes: Vec<String>,
    nonce: Option<String>,
    offline: bool,
}

impl Ask {
    /// Parses an authorize request. The error is the reason why the service would reject it.
    fn parse(service: Service, fields: &Fields) -> Result<Self, &'static str> {
        let client = match service {
            Service::GitHub => &GITHUB,
            Service::Google => &GOOGLE,
        };
        if fields.get("client_id") != Some(client.id) {
            return Err("client_id is not registered with this provider");
        }
        // GitHub does not require the parameter.
        match fields.get("response_type") {
            Some("code") => {}
            None if service == Service::GitHub => {}
            _ => return Err("response_type must be code"),
        }
        let redirect_uri = fields.get("redirect_uri").unwrap_or_default();
        let callback =
            Url::parse(redirect_uri).map_err(|_| "redirect_uri must be an absolute address")?;
        let challenge = fields.get("code_challenge").map(str::to_owned);
        if challenge.is_some() && fields.get("code_challenge_method") != Some("S256") {
            return Err("code_challenge_method must be S256");
        }
        Ok(Self {
            service,
            redirect_uri: redirect_uri.to_owned(),
            callback,
            state: fields.get("state").map(str::to_owned),
            challenge,
            scopes: fields
                .get("scope")
                .unwrap_or_default()
                .split([' ', ','])
                .filter(|scope| !scope.is_empty())
                .map(str::to_owned)
                .collect(),
            nonce: fields.get("nonce").map(str::to_owned),
            offline: fields.get("access_type") == Some("offline"),
        })
    }

    /// Parses the address of an authorize request. `base` is the address of this provider.
    pub fn parse_address(base: &str, address: &str) -> Result<Self, &'static str> {
        let local = address
            .strip_prefix(base)
            .ok_or("the address is not one of this provider")?;
        let (path, query) = local.split_once('?').ok_or("the address has no query")?;
        let service = match path {
            GITHUB_PATH => Service::GitHub,
            GOOGLE_PATH => Service::Google,
            _ => return Err("the address is not an authorize page"),
        };
        Self::parse(service, &Fields::parse(query.as_bytes()))
    }

    /// Stores a grant and returns the address of the callback with a new code.
    pub fn accept(self, state: &State, person: &Person) -> String {
        let code = random("");
        let mut inner = state.lock();
        let offline =
            self.offline || (self.service == Service::GitHub && inner.github_tokens_expire);
        let callback = self.callback(&[("code", &code)]);
        inner.codes.insert(
            code,
            Grant {
                service: self.service,
                person: person.clone(),
                redirect_uri: self.redirect_uri,
                challenge: self.challenge,
                scopes: self.scopes,
                nonce: self.nonce,
                offline,
            },
        );
        callback
    }

    /// Returns the address of the callback with the error of RFC 6749, section 4.1.2.1.
    pub fn decline(self) -> String {
        let description = "The user has denied your application access.";
        self.callback(&[
            ("error", "access_denied"),
            ("error_description", description),
        ])
    }

    fn callback(&self, outcome: &[(&str, &str)]) -> String {
        let mut address = self.callback.clone();
        let state = self.state.as_deref().map(|state| ("state", state));
        address
            .query_pairs_mut()
            .extend_pairs(outcome)
            .extend_pairs(state);
        address.into()
    }
}

/// `GET /github/login/oauth/authorize`
pub async fn github(AxumState(state): AxumState<Shared>, RawQuery(query): RawQuery) -> Response {
    authorize(&state, Service::GitHub, &query.unwrap_or_default())
}

/// `GET /google/o/oauth2/v2/auth`
pub async fn google(AxumState(state): AxumState<Shared>, RawQuery(query): RawQuery) -> Response {
    authorize(&state, Service::Google, &query.unwrap_or_default())
}

/// Shows the page on which a developer chooses a person. Redirects at once if `login` or `login_hint` names a known person,
/// `new_email` describes a new one, or `decision=deny` declines.
fn authorize(state: &State, service: Service, query: &str) -> Response {
    let fields = Fields::parse(query.as_bytes());
    let ask = match Ask::parse(service, &fields) {
        Ok(ask) => ask,
        Err(reason) => return http::html(StatusCode::BAD_REQUEST, page::refusal(reason)),
    };
    if fields.get("decision") == Some("deny") {
        return http::redirect(&ask.decline());
    }
    if let Some(email) = fields.get("new_email") {
        let person = state.register(new_person(email, &fields));
        return http::redirect(&ask.accept(state, &person));
    }
    let hint = fields.get("login").or(fields.get("login_hint"));
    let people = state.lock().people.clone();
    match people
        .iter()
        .find(|person| hint.is_some_and(|hint| person.answers_to(hint)))
    {
        Some(person) => http::redirect(&ask.accept(state, person)),
        None => http::html(StatusCode::OK, page::choice(service, &fields, &people)),
    }
}

fn new_person(email: &str, fields: &Fields) -> Person {
    let login: String = email
        .split('@')
        .next()
        .unwrap_or_default()
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    let mut person = Person::new(&login).email(email);
    person.name = fields.get("new_name").map(str::to_owned);
    person.verified = fields.get("new_verified").is_some();
    person
}

/// `GET /`
pub async fn front(AxumState(state): AxumState<Shared>) -> Response {
    match &state.api {
        Some((api, frontend)) => http::html(StatusCode::OK, page::front(api, frontend)),
        None => http::answer(
            StatusCode::OK,
            "text/plain; charset=utf-8",
            "The local stand-in for GitHub and Google. Sign in from the application.\n",
        ),
    }
}

/// `GET /avatars/{login}.svg`: a coloured disc with the initials of the person.
pub async fn avatar(
    AxumState(state): AxumState<Shared>,
    OriginalUri(address): OriginalUri,
) -> Response {
    let file = address.path().trim_start_matches("/avatars/");
    let login = file.trim_end_matches(".svg");
    let person = {
        let inner = state.lock();
        let mut people = inner.people.iter();
        people.find(|person| person.login == login).cloned()
    };
    let initials = person.unwrap_or_else(|| Person::new(login)).initials();
    http::answer(
        StatusCode::OK,
        "image/svg+xml",
        page::avatar(login, &initials),
    )
}
