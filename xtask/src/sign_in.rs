//! Sign-in over HTTP, with the stand-in for GitHub and Google.

use anyhow::{Context as _, ensure};
use reqwest::{
    Client, Response,
    header::{COOKIE, LOCATION, SET_COOKIE},
    redirect::Policy,
};
use serde_json::{Value, json};
use url::Url;

/// Signs in as one of the sample's people, as a browser does. Returns the value of its `Cookie` header.
pub async fn sign_in(api: &str, service: &str, login: &str) -> anyhow::Result<String> {
    let browser = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()?;
    let asked = browser
        .post(format!("{api}/api/auth/sign-in/social"))
        .json(&json!({ "provider": service, "callbackURL": "/" }))
        .send()
        .await?;
    let state = cookies(&asked);
    let asked: Value = asked.json().await?;
    let mut page: Url = asked["url"]
        .as_str()
        .context("no address to sign in at")?
        .parse()?;
    page.query_pairs_mut().append_pair("login", login);

    let agreed = browser.get(page).send().await?;
    let callback = agreed
        .headers()
        .get(LOCATION)
        .context("the provider does not redirect")?;
    let signed_in = browser
        .get(callback.to_str()?)
        .header(COOKIE, state)
        .send()
        .await?;
    let session = cookies(&signed_in);
    ensure!(session.contains("session_token="), "nobody is signed in");
    Ok(session)
}

fn cookies(answer: &Response) -> String {
    let pairs: Vec<&str> = answer
        .headers()
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
        .filter(|pair| !pair.ends_with('='))
        .collect();
    pairs.join("; ")
}
