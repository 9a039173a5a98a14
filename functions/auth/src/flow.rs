//! A sign-in or link under way: its row in `verification`, and the cookie that binds it to a browser.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{random, time::Timestamp};

use crate::{
    error::Result,
    provider::{Authorize, Provider},
    queries,
    request::Call,
};

/// Seconds that a flow may take.
const LIFETIME: i32 = 600;

/// Who links an account, and by which session: it must still be good when the provider sends them back.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub user_id: String,
    pub email: String,
    pub session_id: String,
}

/// What a flow has to remember, as JSON in `verification.value`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    #[serde(rename = "callbackURL")]
    pub callback_url: String,
    pub code_verifier: String,
    #[serde(rename = "errorURL", skip_serializing_if = "Option::is_none")]
    pub error_url: Option<String>,
    #[serde(rename = "newUserURL", skip_serializing_if = "Option::is_none")]
    pub new_user_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_sign_up: Option<bool>,
    pub oauth_state: Option<String>,
}

/// Names that a client's own data must not take: with a `link` of theirs, they would be linked to any user.
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

/// How a client wants its flow.
#[derive(Default)]
pub struct Wishes {
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

/// Writes the row and the cookie, and gives the address where the browser goes.
pub async fn start(
    call: &Call,
    provider: &Provider,
    wishes: Wishes,
    link: Option<Link>,
) -> Result<String> {
    let state = random::text(32, random::URL_SAFE);
    let verifier = random::text(128, random::URL_SAFE);
    let url = provider.authorize_url(&Authorize {
        state: &state,
        verifier: &verifier,
        scopes: &wishes.scopes,
        login_hint: wishes.login_hint.as_deref(),
        additional: &wishes.additional_params,
    });
    let given = |address: Option<String>| address.filter(|address| !address.is_empty());
    let flow = Flow {
        callback_url: given(wishes.callback_url)
            .unwrap_or_else(|| call.auth.app.config.base_url.clone()),
        code_verifier: verifier,
        error_url: given(wishes.error_url),
        new_user_url: given(wishes.new_user_url),
        link,
        expires_at: Timestamp::now().millis() + i64::from(LIFETIME) * 1000,
        request_sign_up: wishes.request_sign_up,
        oauth_state: Some(state.clone()),
    };
    let value = merge(wishes.additional_data, &flow)?;
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

/// The client's data below our own.
fn merge(mut data: Map<String, Value>, flow: &Flow) -> Result<String> {
    data.retain(|name, _| !RESERVED.contains(&name.as_str()));
    let json = |error: serde_json::Error| shared::http::Error::Internal(error.into());
    if let Value::Object(own) = serde_json::to_value(flow).map_err(json)? {
        data.extend(own);
    }
    Ok(serde_json::to_string(&data).map_err(json)?)
}

/// What a callback's state turned out to be.
pub enum Taken {
    /// The flow that goes on. Its state is used up.
    Flow(Flow),
    /// Not this browser's, or too late; the address is where that flow's errors go.
    Mismatch(Option<String>),
}

/// Takes a flow out of the database, once. A state that another browser started stays.
pub async fn take(call: &Call, state: &str) -> Result<Taken> {
    // A NUL, which the database would not take, is in no state of ours.
    if state.contains('\0') {
        return Ok(Taken::Mismatch(None));
    }
    let db = &call.auth.app.db;
    let cookies = call.cookies();
    if cookies.read("state").as_deref() != Some(state) {
        let value = queries::verification::find(db, &identifier(state)).await?;
        return Ok(Taken::Mismatch(
            value.and_then(|value| parse(&value)?.error_url),
        ));
    }
    let Some(value) = queries::verification::take(db, &identifier(state)).await? else {
        return Ok(Taken::Mismatch(None));
    };
    cookies.clear("state");
    Ok(match parse(&value) {
        None => Taken::Mismatch(None),
        Some(flow)
            if flow.oauth_state.as_ref().is_some_and(|own| own != state)
                || flow.expires_at < Timestamp::now().millis() =>
        {
            Taken::Mismatch(flow.error_url)
        }
        Some(flow) => Taken::Flow(flow),
    })
}

fn parse(value: &str) -> Option<Flow> {
    // The parser's words may quote the value, which holds a secret.
    serde_json::from_str(value)
        .inspect_err(|_| tracing::warn!("a stored state is malformed"))
        .ok()
}
