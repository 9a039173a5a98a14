//! The state of a sign-in or a link: its row in `verification`, and the cookie that binds it to a browser.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{random, time::Timestamp};

use crate::{
    error::Result,
    provider::{Authorize, Provider},
    queries,
    request::Call,
};

/// Time limit of a flow, in seconds.
const LIFETIME: i32 = 600;

/// The user who links an account. The session must still be active when the provider redirects back.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkRequest {
    pub user_id: String,
    pub email: String,
    /// Empty if the Node server stored the state, because that server stores the session encrypted. Such a link is rejected, as
    /// if the session had ended.
    #[serde(default)]
    pub session_id: String,
}

/// The stored state of a flow, as JSON in `verification.value`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowState {
    #[serde(rename = "callbackURL")]
    pub callback_url: String,
    pub code_verifier: String,
    #[serde(rename = "errorURL", skip_serializing_if = "Option::is_none")]
    pub error_url: Option<String>,
    #[serde(rename = "newUserURL", skip_serializing_if = "Option::is_none")]
    pub new_user_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkRequest>,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_sign_up: Option<bool>,
    pub oauth_state: Option<String>,
}

/// Names that client data cannot contain. With a `link` of its own, a client could link an account to any user.
const RESERVED: [&str; 10] = [
    "callbackURL",
    "codeVerifier",
    "errorURL",
    "newUserURL",
    "link",
    "expiresAt",
    "requestSignUp",
    "oauthState",
    "idTokenNonce",
    "serverContext",
];

/// A client's options of a flow.
#[derive(Default)]
pub struct FlowOptions {
    pub callback_url: Option<String>,
    pub error_url: Option<String>,
    pub new_user_url: Option<String>,
    pub request_sign_up: Option<bool>,
    pub additional_data: Map<String, Value>,
    pub scopes: Vec<String>,
    pub login_hint: Option<String>,
    pub additional_params: Vec<(String, String)>,
}

fn identifier(state: &str) -> String {
    format!("auth-state:{state}")
}

/// Writes the row and the cookie, and returns the provider's address for the browser.
pub async fn start(
    call: &Call,
    provider: &Provider,
    options: FlowOptions,
    link: Option<LinkRequest>,
) -> Result<String> {
    let state = random::text(32, random::URL_SAFE);
    let verifier = random::text(128, random::URL_SAFE);
    let url = provider.authorize_url(&Authorize {
        state: &state,
        verifier: &verifier,
        scopes: &options.scopes,
        login_hint: options.login_hint.as_deref(),
        additional: &options.additional_params,
    });
    let given = |address: Option<String>| address.filter(|address| !address.is_empty());
    let flow = FlowState {
        callback_url: given(options.callback_url)
            .unwrap_or_else(|| call.auth.app.config.base_url.clone()),
        code_verifier: verifier,
        error_url: given(options.error_url),
        new_user_url: given(options.new_user_url),
        link,
        expires_at: Timestamp::now().millis() + i64::from(LIFETIME) * 1000,
        request_sign_up: options.request_sign_up,
        oauth_state: Some(state.clone()),
    };
    let value = merge(options.additional_data, &flow)?;
    queries::verification::insert(
        &call.auth.app.db,
        &identifier(&state),
        &value,
        f64::from(LIFETIME),
    )
    .await?;
    call.cookies().set_state(&state);
    Ok(url)
}

/// Adds the flow to the client data. Fields of the flow take precedence.
fn merge(mut data: Map<String, Value>, flow: &FlowState) -> Result<String> {
    data.retain(|name, _| !RESERVED.contains(&name.as_str()));
    let json = |error: serde_json::Error| shared::http::Error::Internal(error.into());
    if let Value::Object(own) = serde_json::to_value(flow).map_err(json)? {
        data.extend(own);
    }
    Ok(serde_json::to_string(&data).map_err(json)?)
}

/// The result of [`take`].
pub enum TakenState {
    /// The flow continues. Its state is deleted.
    Flow(FlowState),
    /// The state belongs to another browser, or it has expired. The value is the flow's own address for errors.
    Mismatch(Option<String>),
}

/// Deletes a state and returns its flow, once. The state of another browser stays.
pub async fn take(call: &Call, state: &str) -> Result<TakenState> {
    // PostgreSQL cannot store U+0000, and no state contains it.
    if state.contains('\0') {
        return Ok(TakenState::Mismatch(None));
    }
    let db = &call.auth.app.db;
    let cookies = call.cookies();
    if cookies.read("state").as_deref() != Some(state) {
        let value = queries::verification::find(db, &identifier(state)).await?;
        return Ok(TakenState::Mismatch(
            value.and_then(|value| parse(&value)?.error_url),
        ));
    }
    let Some(value) = queries::verification::take(db, &identifier(state)).await? else {
        return Ok(TakenState::Mismatch(None));
    };
    cookies.clear("state");
    Ok(match parse(&value) {
        None => TakenState::Mismatch(None),
        Some(flow)
            if flow.oauth_state.as_ref().is_some_and(|own| own != state)
                || flow.expires_at < Timestamp::now().millis() =>
        {
            TakenState::Mismatch(flow.error_url)
        }
        Some(flow) => TakenState::Flow(flow),
    })
}

fn parse(value: &str) -> Option<FlowState> {
    // The parser's message may quote the value, which contains a secret.
    serde_json::from_str(value)
        .inspect_err(|_| tracing::warn!("a stored state is malformed"))
        .ok()
}
