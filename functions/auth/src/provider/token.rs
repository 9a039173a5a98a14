//! The token endpoint, which exchanges codes and refresh tokens for tokens, with the `oauth2` crate.

use std::{borrow::Cow, time::Duration};

use oauth2::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointNotSet, EndpointSet, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError,
    Scope, StandardRevocableToken, TokenUrl,
    basic::{
        BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
        BasicTokenType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::time::Timestamp;
use tokio::time::Instant;

use super::http::{Failure, Http, HttpError};

/// Maximum lifetime of a token, in seconds: a hundred years. A longer one is ignored.
const MAX_LIFETIME: i64 = 100 * 365 * 86_400;

/// The response of a token endpoint, in the form of our columns.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    pub access_token: Option<String>,
    pub refresh_token: Option<String>,
    pub id_token: Option<String>,
    pub access_token_expires_at: Option<Timestamp>,
    pub refresh_token_expires_at: Option<Timestamp>,
    /// The scopes, joined with commas.
    pub scope: Option<String>,
}

/// The response of a token endpoint (RFC 6749, 5.1), with the additions of GitHub and `OpenID` Connect. The type of the token
/// is ignored: both services have bearer tokens only.
#[derive(Debug, Deserialize, Serialize)]
struct TokenResponse {
    access_token: AccessToken,
    refresh_token: Option<RefreshToken>,
    id_token: Option<String>,
    expires_in: Option<Value>,
    refresh_token_expires_in: Option<Value>,
    scope: Option<String>,
    /// GitHub returns errors with status 200.
    error: Option<Value>,
    #[serde(skip, default = "bearer")]
    token_type: BasicTokenType,
}

fn bearer() -> BasicTokenType {
    BasicTokenType::Bearer
}

impl oauth2::TokenResponse for TokenResponse {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        let seconds = lifetime(self.expires_in.as_ref())?;
        seconds.to_std().ok()
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    /// Unused: the list is in `scope`.
    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

/// Returns seconds that are a number or a text; zero and invalid values count as absent.
fn lifetime(value: Option<&Value>) -> Option<chrono::Duration> {
    let seconds = match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }?;
    (1..=MAX_LIFETIME)
        .contains(&seconds)
        .then(|| chrono::Duration::seconds(seconds))
}

impl TokenResponse {
    fn into_tokens(self) -> Result<Tokens, Failure> {
        anyhow::ensure!(
            self.error.is_none(),
            "the token endpoint returned an error with status 200"
        );
        let now = Timestamp::now();
        let expires_at = |value: &Option<Value>| lifetime(value.as_ref()).map(|life| now + life);
        let tokens = Tokens {
            access_token_expires_at: expires_at(&self.expires_in),
            refresh_token_expires_at: expires_at(&self.refresh_token_expires_in),
            access_token: Some(self.access_token.into_secret()),
            refresh_token: self
                .refresh_token
                .map(RefreshToken::into_secret)
                .filter(|token| !token.is_empty()),
            id_token: self.id_token.filter(|token| !token.is_empty()),
            scope: self
                .scope
                .map(|scope| scope.split_whitespace().collect::<Vec<_>>().join(","))
                .filter(|scope| !scope.is_empty()),
        };
        let texts = [
            &tokens.access_token,
            &tokens.refresh_token,
            &tokens.id_token,
            &tokens.scope,
        ];
        anyhow::ensure!(
            !texts.into_iter().flatten().any(|text| text.contains('\0')),
            "the token endpoint returned a text with U+0000"
        );
        anyhow::ensure!(
            tokens
                .access_token
                .as_ref()
                .is_some_and(|token| !token.is_empty()),
            "the token endpoint returned an empty access token"
        );
        Ok(tokens)
    }
}

type OAuthClient = oauth2::Client<
    BasicErrorResponse,
    TokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// A client of one service, with its id, secret and addresses.
pub struct Client(OAuthClient);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(self.0.client_id()).finish()
    }
}

/// Returns a client that sends its credentials in the body, as the Node deployment does.
pub fn client(
    id: &str,
    secret: &str,
    authorize_url: String,
    token_url: String,
) -> anyhow::Result<Client> {
    let client = oauth2::Client::new(ClientId::new(id.to_owned()))
        .set_client_secret(ClientSecret::new(secret.to_owned()))
        .set_auth_uri(AuthUrl::new(authorize_url)?)
        .set_token_uri(TokenUrl::new(token_url)?)
        .set_auth_type(AuthType::RequestBody);
    Ok(Client(client))
}

impl Client {
    /// Returns the authorize address of the configuration.
    pub fn authorize_address(&self) -> &str {
        self.0.auth_uri().url().as_str()
    }

    /// Returns the authorize address with `response_type=code`. The parameters follow the client's id and the state.
    pub fn authorize_url<'p>(
        &self,
        state: &str,
        parameters: impl IntoIterator<Item = (Cow<'p, str>, Cow<'p, str>)>,
    ) -> String {
        let mut request = self.0.authorize_url(|| CsrfToken::new(state.to_owned()));
        for (name, value) in parameters {
            request = request.add_extra_param(name.into_owned(), value.into_owned());
        }
        request.url().0.into()
    }

    /// Exchanges a code, with `grant_type=authorization_code`.
    pub async fn exchange(
        &self,
        http: &Http,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
        deadline: Instant,
    ) -> Result<Tokens, Failure> {
        self.0
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()))
            .set_redirect_uri(Cow::Owned(RedirectUrl::new(redirect_uri.to_owned())?))
            .request_async(&http.until(deadline))
            .await
            .map_err(describe)?
            .into_tokens()
    }

    /// Refreshes tokens, with `grant_type=refresh_token`.
    pub async fn refresh(
        &self,
        http: &Http,
        token: &str,
        deadline: Instant,
    ) -> Result<Tokens, Failure> {
        self.0
            .exchange_refresh_token(&RefreshToken::new(token.to_owned()))
            .request_async(&http.until(deadline))
            .await
            .map_err(describe)?
            .into_tokens()
    }
}

/// Describes a failure, without the text of the response, which may contain tokens.
fn describe(error: RequestTokenError<HttpError, BasicErrorResponse>) -> Failure {
    match error {
        RequestTokenError::ServerResponse(answer) => {
            anyhow::anyhow!(
                "the token endpoint rejected the request: {}",
                answer.error()
            )
        }
        RequestTokenError::Request(error) => {
            Failure::from(error).context("the token endpoint cannot be reached")
        }
        RequestTokenError::Parse(..) => {
            anyhow::anyhow!("the token endpoint returned an unexpected response")
        }
        RequestTokenError::Other(_) => {
            anyhow::anyhow!("the token endpoint returned neither tokens nor an error")
        }
    }
}
