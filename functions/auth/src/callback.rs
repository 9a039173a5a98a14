//! Where providers send the browser back to.

use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::time::timeout_at;

use crate::{
    answer,
    error::{Error, Result},
    fields::Fields,
    flow::{self, Flow, Link, Taken},
    link::{self, Identity, LinkRefusal, Refusal},
    provider::{self, Profile, Provider, Tokens},
    queries,
    request::Call,
};

/// What a provider may send, in Better Auth's order.
const NAMES: [&str; 7] = [
    "code",
    "error",
    "device_id",
    "error_description",
    "state",
    "user",
    "iss",
];

/// What a provider sent.
#[derive(Default)]
struct Sent {
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    state: Option<String>,
}

impl Sent {
    /// Whatever the query holds is passed on, so a NUL is none of the validator's business here.
    fn read(fields: &mut Fields<'_>) -> Self {
        let mut sent = Self::default();
        for name in NAMES {
            let value = match fields.raw(name) {
                None => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(other) => {
                    fields.expected(name, "string", Some(other));
                    None
                }
            };
            let value = value.filter(|value| !value.is_empty());
            match name {
                "code" => sent.code = value,
                "error" => sent.error = value,
                "error_description" => sent.error_description = value,
                "state" => sent.state = value,
                _ => {}
            }
        }
        sent
    }
}

/// An end of the flow that is no success: the code in the redirect, and its description.
struct Ending {
    code: String,
    description: Option<String>,
}

impl From<&str> for Ending {
    fn from(code: &str) -> Self {
        Self {
            code: code.to_owned(),
            description: None,
        }
    }
}

type Outcome<T> = std::result::Result<T, Ending>;

/// The provider's id in the path, as it stands there.
fn provider_id(call: &Call) -> &str {
    call.path.rsplit('/').next().unwrap_or_default()
}

/// `POST /api/auth/callback/{provider}`: sends the browser on to the GET form, whose request carries the state cookie.
pub async fn forward(call: Call) -> Result {
    let body = call.optional_body(values)?;
    let query = call.query(values)?;
    let mut address = form_urlencoded::Serializer::new(String::new());
    for name in NAMES {
        let value = |list: &[(&str, String)]| {
            list.iter()
                .find(|(found, _)| *found == name)
                .map(|(_, value)| value.clone())
        };
        if let Some(value) = value(&query).or_else(|| value(&body)) {
            address.append_pair(name, &value);
        }
    }
    let base = &call.auth.app.config.base_url;
    let id = provider_id(&call);
    let query = address.finish();
    Ok(answer::redirect(&format!(
        "{base}/api/auth/callback/{id}?{query}"
    )))
}

fn values(fields: &mut Fields<'_>) -> Vec<(&'static str, String)> {
    let mut values = Vec::new();
    for name in NAMES {
        match fields.raw(name) {
            None => {}
            Some(Value::String(text)) => values.push((name, text.clone())),
            Some(other) => fields.expected(name, "string", Some(other)),
        }
    }
    values
}

/// `GET /api/auth/callback/{provider}`
pub async fn finish(call: Call) -> Result {
    let sent = call.query(Sent::read)?;
    let default = format!("{}/api/auth/error", call.auth.app.config.base_url);
    let Some(state) = &sent.state else {
        return Ok(to_error(&default, &"state_not_found".into()));
    };
    call.auth.sweep.run(&call.auth.app.db).await;
    let flow = match flow::take(&call, state).await? {
        Taken::Flow(flow) => flow,
        Taken::Mismatch(address) => {
            let address = address.unwrap_or(default);
            return Ok(to_error(&address, &"state_mismatch".into()));
        }
    };
    let address = flow.error_url.clone().unwrap_or(default);
    Ok(match run(&call, provider_id(&call), &sent, &flow).await? {
        Ok(target) => answer::redirect(&target),
        Err(ending) => to_error(&address, &ending),
    })
}

/// The flow from the point where its state is used up. Gives the address where the browser goes.
async fn run(call: &Call, provider_id: &str, sent: &Sent, flow: &Flow) -> Result<Outcome<String>> {
    if let Some(error) = &sent.error {
        return Ok(Err(Ending {
            code: error.clone(),
            description: sent.error_description.clone(),
        }));
    }
    let Some(code) = &sent.code else {
        return Ok(Err("no_code".into()));
    };
    let Some(provider) = call.auth.providers.get(provider_id) else {
        return Ok(Err("oauth_provider_not_found".into()));
    };
    let (profile, tokens) = match ask(call, provider, code, &flow.code_verifier).await {
        Ok(found) => found,
        Err(ending) => return Ok(Err(ending)),
    };
    let is_vouched_for = profile.email_verified;
    let identity = Identity::new(provider.service, profile, tokens);
    match &flow.link {
        Some(link) => finish_link(call, identity, is_vouched_for, link)
            .await
            .map(|outcome| outcome.map(|()| flow.callback_url.clone())),
        None => finish_sign_in(call, identity, flow).await,
    }
}

/// Asks the provider who it is, within one time limit for all requests.
async fn ask(
    call: &Call,
    provider: &Provider,
    code: &str,
    verifier: &str,
) -> Outcome<(Profile, Tokens)> {
    let providers = &call.auth.providers;
    let service = provider.service.id();
    let deadline = provider::deadline();
    let exchange = providers.exchange(provider, code, verifier, deadline);
    let tokens = match timeout_at(deadline, exchange).await {
        Ok(Ok(tokens)) => tokens,
        Ok(Err(error)) => {
            tracing::warn!(service, error = %format_args!("{error:#}"), "a code is refused");
            return Err("invalid_code".into());
        }
        Err(_) => {
            tracing::warn!(service, "a code is not exchanged in time");
            return Err("invalid_code".into());
        }
    };
    let profile = providers
        .profile(
            provider,
            tokens.access_token.as_deref(),
            tokens.id_token.as_deref(),
            deadline,
        )
        .await;
    match profile {
        Ok(profile) => Ok((profile, tokens)),
        Err(error) => {
            tracing::warn!(service, error = %format_args!("{error:#}"), "there is no profile");
            Err("unable_to_get_user_info".into())
        }
    }
}

async fn finish_link(
    call: &Call,
    identity: Option<Identity>,
    is_vouched_for: bool,
    link: &Link,
) -> Result<Outcome<()>> {
    let db = &call.auth.app.db;
    if !queries::session::is_good(db, &link.session_id, &link.user_id).await? {
        return Ok(Err("unable_to_link_account".into()));
    }
    let linked = match identity {
        Some(identity) => link::link(call, &identity, &link.user_id, &link.email).await?,
        // No address is another one than the user's.
        None if is_vouched_for => Err(LinkRefusal::OtherEmail),
        None => Err(LinkRefusal::NotVerified),
    };
    Ok(linked.map_err(|refusal| match refusal {
        LinkRefusal::NotVerified => "unable_to_link_account".into(),
        LinkRefusal::OtherEmail => "email_does_not_match".into(),
        LinkRefusal::OtherUser => "account_already_linked_to_different_user".into(),
    }))
}

async fn finish_sign_in(
    call: &Call,
    identity: Option<Identity>,
    flow: &Flow,
) -> Result<Outcome<String>> {
    let Some(identity) = identity else {
        return Ok(Err("email_not_found".into()));
    };
    Ok(match link::sign_in(call, &identity).await? {
        Ok(signed_in) => {
            call.cookies().set_session(&signed_in.token);
            let new_user_url = flow.new_user_url.as_ref().filter(|_| signed_in.is_new);
            Ok(new_user_url.unwrap_or(&flow.callback_url).clone())
        }
        Err(refusal) => Err(Ending {
            code: refusal.code().to_owned(),
            description: (refusal == Refusal::Banned).then(|| link::BANNED.to_owned()),
        }),
    })
}

/// 302 to the error address, which may be relative and may have a query of its own.
fn to_error(address: &str, ending: &Ending) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("error", &ending.code);
    if let Some(description) = &ending.description {
        query.append_pair("error_description", description);
    }
    match with_query(address, &query.finish()) {
        Some(address) => answer::redirect(&address),
        None => Error::bad_request("INVALID_ERROR_CALLBACK_URL", "Invalid errorCallbackURL")
            .into_response(),
    }
}

fn with_query(address: &str, query: &str) -> Option<String> {
    const BASE: &str = "http://base.invalid";
    let relative = address.starts_with('/');
    let mut url = if relative {
        url::Url::parse(BASE).ok()?.join(address).ok()?
    } else {
        url::Url::parse(address).ok()?
    };
    let query = match url.query().filter(|query| !query.is_empty()) {
        Some(own) if own.ends_with('&') => format!("{own}{query}"),
        Some(own) => format!("{own}&{query}"),
        None => query.to_owned(),
    };
    url.set_query(Some(&query));
    let text = String::from(url);
    if !relative {
        return Some(text);
    }
    // Two slashes that were behind dot segments would name another host.
    let path = text.strip_prefix(BASE)?;
    (!path.starts_with("//")).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::with_query;

    #[test]
    fn errors_are_appended_to_the_query() {
        for (address, expected) in [
            ("http://localhost:3000", "http://localhost:3000/?error=x"),
            (
                "http://localhost:3000/a?b=1#c",
                "http://localhost:3000/a?b=1&error=x#c",
            ),
            ("/oops", "/oops?error=x"),
            ("/oops?b=1", "/oops?b=1&error=x"),
        ] {
            assert_eq!(with_query(address, "error=x").as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_address_that_would_lead_to_another_host_is_rejected() {
        for address in ["/.//evil.example/x", "/a/%2e%2e//evil", "//evil.example"] {
            assert_eq!(with_query(address, "error=x"), None, "{address}");
        }
    }
}
