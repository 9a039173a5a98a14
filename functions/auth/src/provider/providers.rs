//! GitHub and Google: their addresses, and the requests to them.

use std::borrow::Cow;

use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use shared::config::{Config, Variables};
use tokio::time::Instant;

use super::{
    github, google,
    http::{Failure, Http, TIME_LIMIT},
    keys::{self, Keys},
    profile::Profile,
    token::{self, Client, Tokens},
};

/// Returns the time at which the requests of one flow time out.
pub fn deadline() -> Instant {
    Instant::now() + TIME_LIMIT
}

/// A provider's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    GitHub,
    Google,
}

impl Service {
    /// The id in paths, bodies and `account.providerId`.
    pub fn id(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::Google => "google",
        }
    }

    /// The label in `user.provider`.
    pub fn label(self) -> &'static str {
        match self {
            Self::GitHub => "GITHUB",
            Self::Google => "GOOGLE",
        }
    }

    fn default_scopes(self) -> &'static [&'static str] {
        match self {
            Self::GitHub => &["read:user", "user:email"],
            Self::Google => &["email", "profile", "openid"],
        }
    }
}

/// The parameters of the authorize address.
pub struct Authorize<'a> {
    pub state: &'a str,
    pub verifier: &'a str,
    /// Scopes in addition to the default ones.
    pub scopes: &'a [String],
    pub login_hint: Option<&'a str>,
    pub additional: &'a [(String, String)],
}

/// A configured service.
#[derive(Debug)]
pub struct Provider {
    pub service: Service,
    client: Client,
    redirect_uri: String,
    /// Address of GitHub's API.
    api_url: String,
    /// The keys of Google.
    keys: Keys,
}

/// The configured services, and their HTTP client.
#[derive(Debug)]
pub struct Providers {
    github: Option<Provider>,
    google: Option<Provider>,
    http: Http,
}

impl Providers {
    /// Reads client ids, secrets and addresses. A service without an id or a secret is not configured.
    ///
    /// # Errors
    /// An address is malformed.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            github: Provider::new(Service::GitHub, config)?,
            google: Provider::new(Service::Google, config)?,
            http: Http::default(),
        })
    }

    /// Returns the service with that id, if it is configured.
    pub fn get(&self, id: &str) -> Option<&Provider> {
        [&self.github, &self.google]
            .into_iter()
            .flatten()
            .find(|provider| provider.service.id() == id)
    }

    /// Returns whether the address is an authorize address of a provider.
    pub fn has_address(&self, address: &str) -> bool {
        let services = [&self.github, &self.google].into_iter().flatten();
        let mut addresses = services.map(|provider| provider.client.authorize_address());
        addresses.any(|known| {
            let rest = address.strip_prefix(known);
            rest.is_some_and(|rest| rest.starts_with(['?', '&']))
        })
    }

    /// Exchanges a code. An invalid id token in the response fails the exchange.
    pub async fn exchange(
        &self,
        provider: &Provider,
        code: &str,
        verifier: &str,
        deadline: Instant,
    ) -> Result<Tokens, Failure> {
        let tokens = provider
            .client
            .exchange(&self.http, code, verifier, &provider.redirect_uri, deadline)
            .await?;
        if provider.service == Service::Google
            && let Some(token) = &tokens.id_token
        {
            provider.keys.verify(&self.http, token, deadline).await?;
        }
        Ok(tokens)
    }

    /// Fetches new tokens.
    pub async fn refresh(&self, provider: &Provider, token: &str) -> Result<Tokens, Failure> {
        provider.client.refresh(&self.http, token, deadline()).await
    }

    /// Returns the profile that the tokens belong to. Google's id token must be verified, or come from our own database.
    pub async fn profile(
        &self,
        provider: &Provider,
        access_token: Option<&str>,
        id_token: Option<&str>,
        deadline: Instant,
    ) -> Result<Profile, Failure> {
        match provider.service {
            Service::GitHub => {
                let token = access_token.unwrap_or_default();
                github::profile(&self.http, &provider.api_url, token, deadline).await
            }
            Service::Google => google::profile(keys::claims(
                id_token.ok_or_else(|| anyhow::anyhow!("there is no id token"))?,
            )?),
        }
    }

    /// Returns the profile of an id token that a client sent; `None` if it is invalid.
    pub async fn verify_id_token(
        &self,
        provider: &Provider,
        token: &str,
        nonce: Option<&str>,
    ) -> Option<Profile> {
        let claims = provider
            .keys
            .verify_recent(&self.http, token, nonce, deadline())
            .await
            .and_then(google::profile);
        match claims {
            Ok(profile) => Some(profile),
            Err(error) => {
                tracing::warn!(error = %format_args!("{error:#}"), "an id token was rejected");
                None
            }
        }
    }
}

impl Provider {
    fn new(service: Service, config: &Config) -> anyhow::Result<Option<Self>> {
        let variables = &config.variables;
        let prefix = service.label();
        let credential = |name| variables.get(&format!("{prefix}_CLIENT_{name}"));
        let (Some(client_id), Some(secret)) = (credential("ID"), credential("SECRET")) else {
            return Ok(None);
        };
        let address = |name: &str, default: &str| address(variables, prefix, name, default);
        let (authorize, token) = match service {
            Service::GitHub => (
                "https://github.com/login/oauth/authorize",
                "https://github.com/login/oauth/access_token",
            ),
            Service::Google => (
                "https://accounts.google.com/o/oauth2/v2/auth",
                "https://oauth2.googleapis.com/token",
            ),
        };
        let redirect_uri = format!("{}/api/auth/callback/{}", config.base_url, service.id());
        Ok(Some(Self {
            service,
            client: token::client(
                client_id,
                secret,
                address("AUTHORIZE_URL", authorize)?,
                address("TOKEN_URL", token)?,
            )?,
            redirect_uri,
            api_url: address("API_URL", "https://api.github.com")?
                .trim_end_matches('/')
                .to_owned(),
            keys: Keys::new(
                address("JWKS_URL", "https://www.googleapis.com/oauth2/v3/certs")?,
                client_id,
                variables.get("GOOGLE_ISSUER"),
            ),
        }))
    }

    /// Returns whether clients may sign in with an id token.
    pub fn takes_id_tokens(&self) -> bool {
        self.service == Service::Google
    }

    /// Returns the provider's address for the browser. The parameters are in Better Auth's order; a repeated parameter replaces
    /// the earlier one.
    pub fn authorize_url(&self, authorize: &Authorize<'_>) -> String {
        let scopes: Vec<&str> = self
            .service
            .default_scopes()
            .iter()
            .copied()
            .chain(authorize.scopes.iter().map(String::as_str))
            .collect();
        let verifier = PkceCodeVerifier::new(authorize.verifier.to_owned());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let mut parameters: Vec<(Cow<'_, str>, Cow<'_, str>)> = vec![
            ("scope".into(), scopes.join(" ").into()),
            ("redirect_uri".into(), self.redirect_uri.as_str().into()),
        ];
        if let Some(hint) = authorize.login_hint {
            parameters.push(("login_hint".into(), hint.into()));
        }
        parameters.push(("code_challenge_method".into(), "S256".into()));
        parameters.push(("code_challenge".into(), challenge.as_str().into()));
        let own = match self.service {
            Service::GitHub => None,
            Service::Google => Some(("include_granted_scopes", "true")),
        };
        let additional = authorize.additional.iter();
        for (name, value) in own
            .into_iter()
            .chain(additional.map(|(name, value)| (name.as_str(), value.as_str())))
        {
            match parameters.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = value.into(),
                None => parameters.push((name.into(), value.into())),
            }
        }
        self.client.authorize_url(authorize.state, parameters)
    }
}

/// Returns an address of the configuration, or the service's real one.
fn address(
    variables: &Variables,
    prefix: &str,
    name: &str,
    default: &str,
) -> anyhow::Result<String> {
    let name = format!("{prefix}_{name}");
    let Some(address) = variables.get(&name) else {
        return Ok(default.to_owned());
    };
    anyhow::ensure!(
        url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https")),
        "the value of {name} must be an http or https address"
    );
    Ok(address.to_owned())
}
