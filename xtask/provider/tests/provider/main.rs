//! Tests of the stand-in over HTTP.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod faults;
mod page;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use provider::{
    Email, Endpoint, GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET, GOOGLE_CLIENT_ID,
    GOOGLE_CLIENT_SECRET, Person, Provider, Service,
};
use reqwest::{Client, Response, Url, redirect::Policy};
use serde_json::{Value, json};

const CALLBACK: &str = "http://localhost:3001/api/auth/callback/x";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn client() -> Client {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

fn setting(provider: &Provider, name: &str) -> String {
    let settings = provider.settings();
    let (_, value) = settings.iter().find(|(known, _)| *known == name).unwrap();
    value.clone()
}

/// Returns the address to which an API sends the browser.
fn authorize_url(provider: &Provider, service: Service) -> String {
    let (page, client_id, scope) = match service {
        Service::GitHub => (
            "GITHUB_AUTHORIZE_URL",
            GITHUB_CLIENT_ID,
            "read:user user:email",
        ),
        Service::Google => (
            "GOOGLE_AUTHORIZE_URL",
            GOOGLE_CLIENT_ID,
            "email profile openid",
        ),
    };
    let fields = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("state", "S+1"),
        ("scope", scope),
        ("redirect_uri", CALLBACK),
        ("code_challenge_method", "S256"),
        ("code_challenge", CHALLENGE),
    ];
    Url::parse_with_params(&setting(provider, page), fields)
        .unwrap()
        .into()
}

/// Sends a valid token request in which some fields are replaced.
async fn exchange(
    provider: &Provider,
    service: Service,
    code: &str,
    changes: &[(&str, &str)],
) -> Response {
    let (endpoint, id, secret) = match service {
        Service::GitHub => ("GITHUB_TOKEN_URL", GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET),
        Service::Google => ("GOOGLE_TOKEN_URL", GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET),
    };
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", CALLBACK),
        ("client_id", id),
        ("client_secret", secret),
    ];
    for (name, value) in changes {
        fields.retain(|(field, _)| field != name);
        fields.push((name, value));
    }
    client()
        .post(setting(provider, endpoint))
        .header("accept", "application/json")
        .form(&fields)
        .send()
        .await
        .unwrap()
}

async fn body(response: Response) -> Value {
    response.json().await.unwrap()
}

#[tokio::test]
async fn a_github_person_signs_in() {
    let provider = Provider::start().await.unwrap();
    let ada = provider.register(
        Person::new("ada")
            .bio("Analyst")
            .blog("https://ada.example"),
    );

    let callback = provider.sign_in(&authorize_url(&provider, Service::GitHub), &ada);
    let callback = Url::parse(&callback).unwrap();
    let fields: Vec<_> = callback.query_pairs().collect();
    assert_eq!(fields[0].0, "code");
    assert_eq!(fields[1], ("state".into(), "S+1".into()));

    let token = body(exchange(&provider, Service::GitHub, &fields[0].1, &[]).await).await;
    assert_eq!(token["token_type"], "bearer");
    assert_eq!(token["scope"], "read:user,user:email");

    let api = setting(&provider, "GITHUB_API_URL");
    let get = |path: &str| {
        client()
            .get(format!("{api}{path}"))
            .bearer_auth(token["access_token"].as_str().unwrap())
            .header("user-agent", "test")
            .send()
    };
    let profile = body(get("/user").await.unwrap()).await;
    assert_eq!(profile["id"], ada.id);
    assert_eq!(profile["login"], "ada");
    assert_eq!(profile["email"], "ada@example.com");
    assert_eq!(profile["bio"], "Analyst");
    assert_eq!(profile["blog"], "https://ada.example");
    let emails = body(get("/user/emails").await.unwrap()).await;
    assert_eq!(emails[0]["email"], "ada@example.com");
    assert_eq!(emails[0]["primary"], true);
    assert_eq!(emails[0]["verified"], true);
}

#[tokio::test]
async fn github_returns_hidden_addresses_only_in_the_list() {
    let provider = Provider::start().await.unwrap();
    let person = provider.register(Person::new("linus").hides_email().emails([
        Email::new("second@example.com"),
        Email::new("first@example.com").primary().verified(),
    ]));
    let token = provider.access_token_for(&person, Service::GitHub);
    let api = setting(&provider, "GITHUB_API_URL");
    let get = |path: &str| {
        client()
            .get(format!("{api}{path}"))
            .bearer_auth(&token)
            .header("user-agent", "test")
            .send()
    };

    assert_eq!(
        body(get("/user").await.unwrap()).await["email"],
        Value::Null
    );
    let emails = body(get("/user/emails").await.unwrap()).await;
    assert_eq!(emails[1]["email"], "first@example.com");
    assert_eq!(emails[0]["verified"], false);
}

#[tokio::test]
async fn github_requires_a_token_and_a_user_agent() {
    let provider = Provider::start().await.unwrap();
    let user = format!("{}/user", setting(&provider, "GITHUB_API_URL"));
    let token = provider.access_token_for(&Person::new("ada"), Service::GitHub);

    let stranger = client().get(&user).header("user-agent", "test").send();
    assert_eq!(stranger.await.unwrap().status(), 401);
    let nameless = client().get(&user).bearer_auth(token).send();
    assert_eq!(nameless.await.unwrap().status(), 403);
}

#[tokio::test]
async fn github_responds_form_encoded_unless_json_is_accepted() {
    let provider = Provider::start().await.unwrap();
    let answer = client()
        .post(setting(&provider, "GITHUB_TOKEN_URL"))
        .form(&[("client_id", "another")])
        .send()
        .await
        .unwrap();

    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(
        text.starts_with("error=incorrect_client_credentials&"),
        "{text}"
    );
}

#[tokio::test]
async fn a_google_person_signs_in_with_an_id_token() {
    let provider = Provider::start().await.unwrap();
    let ada = provider.register(Person::new("ada").unverified());
    let code = provider.code_for(&ada, &authorize_url(&provider, Service::Google));

    let token = body(exchange(&provider, Service::Google, &code, &[]).await).await;

    assert_eq!(token["scope"], "email profile openid");
    assert_eq!(token.get("refresh_token"), None);
    let claims = verify(&provider, token["id_token"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(claims["sub"], ada.id.to_string());
    assert_eq!(claims["email"], "ada@example.com");
    assert_eq!(claims["email_verified"], false);
    assert_eq!(claims["name"], "Ada");

    let userinfo = client()
        .get(setting(&provider, "GOOGLE_USERINFO_URL"))
        .bearer_auth(token["access_token"].as_str().unwrap());
    let profile = body(userinfo.send().await.unwrap()).await;
    assert_eq!(profile["email"], "ada@example.com");
}

async fn verify(provider: &Provider, token: &str) -> jsonwebtoken::errors::Result<Value> {
    let keys = client()
        .get(setting(provider, "GOOGLE_JWKS_URL"))
        .send()
        .await
        .unwrap();
    let keys: JwkSet = keys.json().await.unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&[GOOGLE_CLIENT_ID]);
    rules.set_issuer(&[setting(provider, "GOOGLE_ISSUER")]);
    let key = DecodingKey::from_jwk(&keys.keys[0])?;
    decode(token, &key, &rules).map(|token| token.claims)
}

#[tokio::test]
async fn id_tokens_can_be_invalid() {
    let provider = Provider::start().await.unwrap();
    let ada = Person::new("ada");
    let nothing = json!({});

    let good = provider.google_id_token(&ada, &json!({ "nonce": "n", "email": null }));
    let claims = verify(&provider, &good).await.unwrap();
    assert_eq!(claims["nonce"], "n");
    assert_eq!(claims.get("email"), None);

    let bad = [
        provider.google_id_token(&ada, &json!({ "aud": "another" })),
        provider.google_id_token(&ada, &json!({ "iss": "https://evil.example" })),
        provider.google_id_token(&ada, &json!({ "exp": 1_700_000_000 })),
        provider.forged_google_id_token(&ada, &nothing),
        provider.unsigned_google_id_token(&ada, &nothing),
    ];
    for token in bad {
        verify(&provider, &token).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_code_works_once() {
    let provider = Provider::start().await.unwrap();
    let ask = authorize_url(&provider, Service::Google);
    let code = provider.code_for(&Person::new("ada"), &ask);

    let first = exchange(&provider, Service::Google, &code, &[]).await;
    let second = exchange(&provider, Service::Google, &code, &[]).await;

    assert_eq!(first.status(), 200);
    assert_eq!(second.status(), 400);
    assert_eq!(body(second).await["error"], "invalid_grant");
}

#[tokio::test]
async fn token_requests_are_checked() {
    let provider = Provider::start().await.unwrap();
    let cases = [
        (
            "code_verifier",
            "another",
            "invalid_grant",
            "bad_verification_code",
        ),
        (
            "code_verifier",
            "",
            "invalid_grant",
            "bad_verification_code",
        ),
        ("code", "another", "invalid_grant", "bad_verification_code"),
        (
            "redirect_uri",
            "http://localhost:3001/",
            "redirect_uri_mismatch",
            "redirect_uri_mismatch",
        ),
        (
            "client_id",
            "another",
            "invalid_client",
            "incorrect_client_credentials",
        ),
        (
            "client_secret",
            "wrong",
            "invalid_client",
            "incorrect_client_credentials",
        ),
        (
            "grant_type",
            "password",
            "unsupported_grant_type",
            "unsupported_grant_type",
        ),
    ];
    for (field, value, google_word, github_word) in cases {
        for (service, word) in [
            (Service::Google, google_word),
            (Service::GitHub, github_word),
        ] {
            let ask = authorize_url(&provider, service);
            let code = provider.code_for(&Person::new("ada"), &ask);

            let answer = exchange(&provider, service, &code, &[(field, value)]).await;

            assert_eq!(answer.status() == 200, service == Service::GitHub);
            assert_eq!(body(answer).await["error"], word, "{service:?} {field}");
        }
    }
}

#[tokio::test]
async fn a_code_of_one_service_is_rejected_by_the_other() {
    let provider = Provider::start().await.unwrap();
    let ask = authorize_url(&provider, Service::GitHub);
    let code = provider.code_for(&Person::new("ada"), &ask);

    let answer = exchange(&provider, Service::Google, &code, &[]).await;

    assert_eq!(body(answer).await["error"], "invalid_grant");
}

#[tokio::test]
async fn refresh_tokens_are_accepted() {
    let provider = Provider::start().await.unwrap();
    let ada = Person::new("ada");
    for (service, works_twice) in [(Service::Google, true), (Service::GitHub, false)] {
        let token = provider.refresh_token_for(&ada, service);
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &token)];

        let first = body(exchange(&provider, service, "", &fields).await).await;
        let second = body(exchange(&provider, service, "", &fields).await).await;

        assert!(first["access_token"].is_string(), "{first}");
        assert_eq!(second["access_token"].is_string(), works_twice, "{second}");
    }
}

#[tokio::test]
async fn refresh_tokens_are_issued_on_request() {
    let provider = Provider::start().await.unwrap();
    provider.expire_github_tokens();
    let ada = Person::new("ada");

    let ask = authorize_url(&provider, Service::GitHub);
    let code = provider.code_for(&ada, &ask);
    let github = body(exchange(&provider, Service::GitHub, &code, &[]).await).await;
    let ask = authorize_url(&provider, Service::Google) + "&access_type=offline";
    let code = provider.code_for(&ada, &ask);
    let google = body(exchange(&provider, Service::Google, &code, &[]).await).await;

    assert_eq!(github["expires_in"], 28_800);
    assert!(github["refresh_token"].is_string());
    assert!(google["refresh_token"].is_string());
}

#[tokio::test]
async fn requests_are_recorded() {
    let provider = Provider::start().await.unwrap();
    exchange(&provider, Service::Google, "c1", &[]).await;

    let received = provider.received(Endpoint::GoogleToken);

    assert_eq!(received.len(), 1);
    assert_eq!(received[0].field("code"), Some("c1"));
    assert_eq!(received[0].header("accept"), Some("application/json"));
    assert_eq!(received[0].header("authorization"), None);
    assert!(received[0].field_names().contains(&"client_secret"));
}

#[test]
fn a_person_has_the_same_id_in_every_run() {
    assert_eq!(Person::new("ada").id, Person::new("Ada").id);
    assert_ne!(Person::new("ada").id, Person::new("grace").id);
    assert!(Person::new("ada").id < 1 << 53);
}
