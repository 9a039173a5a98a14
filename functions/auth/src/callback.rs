//! The address to which providers redirect the browser.

use axum::response::{IntoResponse, Response};
use tokio::time::timeout_at;

use crate::{
    answer,
    error::{BANNED, Error, Result},
    fields::{AuthBody, BodyForm, Fields, text},
    flow::{self, FlowState, LinkRequest, TakenState},
    link::{self, Identity, LinkError, LinkRefusal, SignInError, SignInRefusal},
    provider::{self, Profile, Provider, Tokens},
    queries,
    request::{Call, CallWith},
};

/// Names of the parameters, in Better Auth's order.
const NAMES: [&str; 7] = [
    "code",
    "error",
    "device_id",
    "error_description",
    "state",
    "user",
    "iss",
];

/// Maximum length of a parameter. All of them become part of an address again.
const MAX_PARAMETER_CHARS: usize = 2048;

/// Parameters of GitHub and Google.
const DOCUMENTED: [&str; 4] = ["code", "error", "error_description", "state"];

/// The parameters that a provider sent.
pub struct CallbackParameters(Vec<(&'static str, String)>);

impl AuthBody for CallbackParameters {
    const NAME: &'static str = "AuthCallback";
    const ABOUT: &'static str = "The parameters of a provider.";
    const FORM: BodyForm = BodyForm::Optional;
    const MEDIA_TYPES: &'static [&'static str] =
        &["application/x-www-form-urlencoded", "application/json"];

    fn read(fields: &mut Fields<'_>) -> Self {
        // The parameters are passed on and not stored, so U+0000 is allowed.
        let rule = || text().allow_nul().max(MAX_PARAMETER_CHARS);
        let parameters = NAMES.into_iter().filter_map(|name| {
            let value = if DOCUMENTED.contains(&name) {
                fields.optional(name, rule())
            } else {
                fields.undocumented(name, rule())
            };
            Some((name, value?))
        });
        Self(parameters.collect())
    }
}

impl CallbackParameters {
    fn get(&self, name: &str) -> Option<&str> {
        let parameter = self.0.iter().find(|(known, _)| *known == name);
        parameter.map(|(_, value)| value.as_str())
    }

    /// Returns a value that is not empty.
    fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// The reason why a flow ends without success.
enum FlowError {
    /// The browser goes to the error address with this code and description.
    Redirect {
        code: String,
        description: Option<String>,
    },
    /// The server failed.
    Failed(Error),
}

impl FlowError {
    fn code(code: &str) -> Self {
        Self::Redirect {
            code: code.to_owned(),
            description: None,
        }
    }
}

impl From<sqlx::Error> for FlowError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<SignInError> for FlowError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Database(error) => error.into(),
            SignInError::Refused(refusal) => Self::Redirect {
                code: refusal.code().to_owned(),
                description: (refusal == SignInRefusal::Banned).then(|| BANNED.to_owned()),
            },
        }
    }
}

impl From<LinkError> for FlowError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Database(error) => error.into(),
            LinkError::Refused(refusal) => Self::code(match refusal {
                LinkRefusal::NotVerified => "unable_to_link_account",
                LinkRefusal::OtherEmail => "email_does_not_match",
                LinkRefusal::OtherUser => "account_already_linked_to_different_user",
            }),
        }
    }
}

/// Returns the provider's id in the path, not decoded.
fn provider_id(call: &Call) -> &str {
    call.path.rsplit('/').next().unwrap_or_default()
}

/// `POST /api/auth/callback/{provider}`: redirects the browser to the GET form, whose request carries the state cookie.
pub async fn forward(CallWith(call, body): CallWith<CallbackParameters>) -> Result {
    let query = call.query(CallbackParameters::read)?;
    let mut address = form_urlencoded::Serializer::new(String::new());
    for name in NAMES {
        if let Some(value) = query.get(name).or_else(|| body.get(name)) {
            address.append_pair(name, value);
        }
    }
    let base = &call.auth.app.config.base_url;
    let id = provider_id(&call);
    let query = address.finish();
    Ok(answer::redirect(&format!(
        "{base}/api/auth/callback/{id}?{query}"
    )))
}

/// `GET /api/auth/callback/{provider}`
pub async fn finish(call: Call) -> Result {
    let parameters = call.query(CallbackParameters::read)?;
    let default = format!("{}/api/auth/error", call.auth.app.config.base_url);
    let Some(state) = parameters.given("state") else {
        return Ok(to_error(&default, "state_not_found", None));
    };
    let flow = match flow::take(&call, state).await? {
        TakenState::Flow(flow) => flow,
        TakenState::Mismatch(address) => {
            let address = address.unwrap_or(default);
            return Ok(to_error(&address, "state_mismatch", None));
        }
    };
    match run(&call, provider_id(&call), &parameters, &flow).await {
        Ok(target) => Ok(answer::redirect(&target)),
        Err(FlowError::Redirect { code, description }) => {
            let address = flow.error_url.unwrap_or(default);
            Ok(to_error(&address, &code, description.as_deref()))
        }
        Err(FlowError::Failed(error)) => Err(error),
    }
}

/// Runs the flow after its state was deleted. Returns the address where the browser goes.
async fn run(
    call: &Call,
    provider_id: &str,
    parameters: &CallbackParameters,
    flow: &FlowState,
) -> std::result::Result<String, FlowError> {
    if let Some(error) = parameters.given("error") {
        return Err(FlowError::Redirect {
            code: error.to_owned(),
            description: parameters.given("error_description").map(str::to_owned),
        });
    }
    let code = parameters
        .given("code")
        .ok_or_else(|| FlowError::code("no_code"))?;
    let provider = call
        .auth
        .providers
        .get(provider_id)
        .ok_or_else(|| FlowError::code("oauth_provider_not_found"))?;
    let (profile, tokens) = fetch_profile(call, provider, code, &flow.code_verifier).await?;
    let email_verified = profile.email_verified;
    let identity = Identity::new(provider.service, profile, tokens);
    match &flow.link {
        Some(link) => {
            finish_link(call, identity, email_verified, link).await?;
            Ok(flow.callback_url.clone())
        }
        None => finish_sign_in(call, identity, flow).await,
    }
}

/// Exchanges the code and fetches the profile, within one timeout for all requests.
async fn fetch_profile(
    call: &Call,
    provider: &Provider,
    code: &str,
    verifier: &str,
) -> std::result::Result<(Profile, Tokens), FlowError> {
    let providers = &call.auth.providers;
    let service = provider.service.id();
    let deadline = provider::deadline();
    let exchange = providers.exchange(provider, code, verifier, deadline);
    let tokens = match timeout_at(deadline, exchange).await {
        Ok(Ok(tokens)) => tokens,
        Ok(Err(error)) => {
            tracing::warn!(service, error = %format_args!("{error:#}"), "the provider rejected a code");
            return Err(FlowError::code("invalid_code"));
        }
        Err(_) => {
            tracing::warn!(service, "the exchange of a code timed out");
            return Err(FlowError::code("invalid_code"));
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
            tracing::warn!(service, error = %format_args!("{error:#}"), "the provider returned no profile");
            Err(FlowError::code("unable_to_get_user_info"))
        }
    }
}

async fn finish_link(
    call: &Call,
    identity: Option<Identity>,
    email_verified: bool,
    link: &LinkRequest,
) -> std::result::Result<(), FlowError> {
    let db = &call.auth.app.db;
    if !queries::session::is_active(db, &link.session_id, &link.user_id).await? {
        return Err(FlowError::code("unable_to_link_account"));
    }
    match identity {
        Some(identity) => link::link(call, &identity, &link.user_id, &link.email).await?,
        // A missing address differs from the user's.
        None if email_verified => return Err(LinkError::from(LinkRefusal::OtherEmail).into()),
        None => return Err(LinkError::from(LinkRefusal::NotVerified).into()),
    }
    Ok(())
}

async fn finish_sign_in(
    call: &Call,
    identity: Option<Identity>,
    flow: &FlowState,
) -> std::result::Result<String, FlowError> {
    let identity = identity.ok_or_else(|| FlowError::code("email_not_found"))?;
    let signed_in = link::sign_in(call, &identity).await?;
    call.cookies().set_session(&signed_in.token);
    let new_user_url = flow.new_user_url.as_ref().filter(|_| signed_in.is_new);
    Ok(new_user_url.unwrap_or(&flow.callback_url).clone())
}

/// Redirects to the error address, which may be relative and may have a query of its own.
fn to_error(address: &str, code: &str, description: Option<&str>) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("error", code);
    if let Some(description) = description {
        query.append_pair("error_description", description);
    }
    match with_query(address, &query.finish()) {
        Some(address) => answer::redirect(&address),
        None => Error::bad_request("INVALID_ERROR_CALLBACK_URL", "Invalid errorCallbackURL")
            .into_response(),
    }
}

/// Adds parameters to the query of an address. A relative address is changed as a text: a URL parser would normalise its path.
fn with_query(address: &str, query: &str) -> Option<String> {
    if !address.starts_with('/') {
        let mut url = url::Url::parse(address).ok()?;
        let query = join_queries(url.query(), query);
        url.set_query(Some(&query));
        return Some(url.into());
    }
    let (rest, fragment) = match address.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (address, None),
    };
    let (path, own) = match rest.split_once('?') {
        Some((path, own)) => (path, Some(own)),
        None => (rest, None),
    };
    let fragment = fragment.map_or_else(String::new, |fragment| format!("#{fragment}"));
    Some(format!("{path}?{}{fragment}", join_queries(own, query)))
}

fn join_queries(own: Option<&str>, query: &str) -> String {
    match own.filter(|own| !own.is_empty()) {
        Some(own) if own.ends_with('&') => format!("{own}{query}"),
        Some(own) => format!("{own}&{query}"),
        None => query.to_owned(),
    }
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
            ("/a/../b c?#d?e", "/a/../b c?error=x#d?e"),
        ] {
            assert_eq!(with_query(address, "error=x").as_deref(), Some(expected));
        }
    }
}
