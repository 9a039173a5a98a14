//! Redirects to generated addresses. Every redirect leads to a trusted origin, according to both parsers of addresses.

use provider::Person;
use serde_json::{Value, json};
use sqlx::PgPool;
use testing::{
    Answer,
    fuzz::{text, try_all},
    proptest::{collection, prelude::*, sample},
};
use url::Url;

use crate::{
    Stage,
    destination::{TRUSTED, expect_safe_in_node, is_safe},
};

const SCHEMES: [&str; 11] = [
    "",
    "http:",
    "https:",
    "HTTPS:",
    "javascript:",
    "data:",
    "file:",
    "ftp:",
    "codecave:",
    " https:",
    "\thttps:",
];
const SLASHES: [&str; 21] = [
    "",
    "/",
    "//",
    "///",
    "/\\",
    "\\/",
    "\\\\",
    "/./",
    "/../",
    "/%2e/",
    "/%2E%2e/",
    "/.//",
    "/a/..//",
    "/a/%2e%2e//",
    "/%2f",
    "/%5C",
    "/\t/",
    "/\n/",
    "/;/",
    "//%2e%2e/",
    "/\u{ff0f}",
];
const AUTHORITIES: [&str; 16] = [
    "",
    "localhost:3000",
    "LOCALHOST:3001",
    "evil.example",
    "localhost:3000@evil.example",
    "ada:secret@localhost:3000",
    "localhost:3000.evil.example",
    "evil.example:3000",
    "[::1]:3000",
    "[::ffff:192.0.2.1]",
    "a.preview.test",
    "a.wild.test",
    "a.wild.test:8443",
    "a.wild.test.evil.example",
    "evil.example%2f.wild.test",
    "evil.example\\.wild.test",
];
const TAILS: [&str; 12] = [
    "",
    "/x",
    "?x=1",
    "#y",
    "/../..//evil.example",
    "/%2e%2e//evil.example",
    "\\evil.example",
    "?next=//evil.example",
    "#@evil.example",
    "%0d%0aLocation:%20//evil.example",
    "\u{2f}\u{2f}evil.example",
    "/a b?c d#e f",
];

fn addresses() -> impl Iterator<Item = String> {
    SCHEMES.into_iter().flat_map(|scheme| {
        SLASHES.into_iter().flat_map(move |slashes| {
            AUTHORITIES.into_iter().flat_map(move |authority| {
                TAILS
                    .into_iter()
                    .map(move |tail| format!("{scheme}{slashes}{authority}{tail}"))
            })
        })
    })
}

async fn stage(db: PgPool) -> Stage {
    Stage::configured(db, &[("BETTER_AUTH_TRUSTED_ORIGINS", TRUSTED)]).await
}

/// Returns the redirects of the response, all of which are safe.
#[track_caller]
fn expect_safe(answer: &Answer, address: &str) -> Vec<String> {
    assert!(answer.status.as_u16() < 500, "{address:?}: {answer:?}");
    let locations = answer.header_all("location");
    for location in &locations {
        assert!(is_safe(location), "{address:?} leads to {location:?}");
    }
    locations
}

/// Returns every `step`th generated address, from `start` on.
fn every(step: usize, start: usize) -> Vec<String> {
    addresses().skip(start).step_by(step).collect()
}

#[testkit::test]
async fn accepted_addresses_lead_to_trusted_origins(db: PgPool) {
    let stage = stage(db).await;
    let trusted = &stage.app.state.config.trusted_origins;
    let (mut tried, mut accepted) = (0, Vec::new());

    for address in addresses() {
        tried += 1;
        if trusted.allows_redirect(&address) {
            assert!(is_safe(&address), "{address:?}");
            accepted.push(address);
        }
    }

    println!(
        "measured: tried {tried} addresses, {} accepted",
        accepted.len()
    );
    assert!(accepted.len() > 100, "the grammar has valid addresses");
    expect_safe_in_node(&accepted);
}

/// The parts of the grammar in any order and number, among random texts. Most begin like an address that may be accepted.
fn mixtures() -> impl Strategy<Value = String> {
    let parts: Vec<&str> = [&SCHEMES[..], &SLASHES, &AUTHORITIES, &TAILS].concat();
    let starts = [
        "",
        "/",
        "/",
        "http://localhost",
        "https://x.preview.test",
        "https://x.wild.test",
        "//x.wild.test",
        "codecave://",
    ];
    let part = prop_oneof![
        3 => sample::select(parts).prop_map(ToOwned::to_owned),
        1 => text(4),
    ];
    (sample::select(starts.to_vec()), collection::vec(part, 0..6))
        .prop_map(|(start, parts)| start.to_owned() + &parts.concat())
}

#[testkit::test]
async fn accepted_mixtures_lead_to_trusted_origins(db: PgPool) {
    let stage = stage(db).await;
    let trusted = &stage.app.state.config.trusted_origins;
    let mut accepted = Vec::new();

    try_all(
        "mixtures of addresses",
        20_000,
        &mixtures(),
        async |address| {
            if trusted.allows_redirect(&address) {
                prop_assert!(is_safe(&address));
                accepted.push(address);
            }
            Ok(())
        },
    )
    .await;

    assert!(accepted.len() > 100, "{} are accepted", accepted.len());
    expect_safe_in_node(&accepted);
}

#[testkit::test]
async fn every_field_rejects_untrusted_addresses(db: PgPool) {
    let stage = stage(db).await;
    let ada = stage.person("ada").await;
    let mut tried = 0;
    let mut accepted = Vec::new();

    for address in every(61, 7) {
        for field in [
            "callbackURL",
            "errorCallbackURL",
            "newUserCallbackURL",
            "redirectTo",
        ] {
            for path in [
                "sign-in/social",
                "link-social",
                "sign-out",
                "request-password-reset",
            ] {
                let body = json!({ "provider": "nobody", "email": "a@b.co", field: address });
                let answer = ada.post(&format!("/api/auth/{path}"), body).await;
                tried += 1;
                expect_safe(&answer, &address);
                let is_rejected = answer.status.as_u16() == 403;
                assert!(is_rejected || is_safe(&address), "{field}: {address:?}");
                accepted.extend((!is_rejected).then(|| address.clone()));
                if path == "sign-out" && !is_rejected {
                    break;
                }
            }
        }
        let mut query = form_urlencoded_pair("callbackURL", &address);
        query.insert_str(0, "/api/auth/sign-in/social?");
        let answer = ada.post(&query, json!({ "provider": "nobody" })).await;
        tried += 1;
        assert!(
            answer.status.as_u16() == 403 || is_safe(&address),
            "{address:?}"
        );
    }

    println!("measured: tried {tried} requests with addresses");
    assert!(!accepted.is_empty());
    accepted.dedup();
    expect_safe_in_node(&accepted);
}

fn form_urlencoded_pair(name: &str, value: &str) -> String {
    let mut url = Url::parse("http://base.invalid").unwrap();
    url.query_pairs_mut().append_pair(name, value);
    url.query().unwrap().to_owned()
}

#[testkit::test]
async fn every_end_of_a_flow_redirects_to_a_trusted_origin(db: PgPool) {
    let stage = stage(db).await;
    let trusted = &stage.app.state.config.trusted_origins;
    let person = stage.provider.register(Person::new("ada"));
    let accepted: Vec<String> = addresses()
        .filter(|address| trusted.allows_redirect(address))
        .collect();
    let step = accepted.len().div_ceil(40);
    let mut locations = Vec::new();

    for address in accepted.iter().step_by(step) {
        for end in [
            "mismatch",
            "denied",
            "no code",
            "no provider",
            "bad code",
            "expired",
            "success",
            "link",
        ] {
            let mut browser = if end == "link" {
                stage.signed_in(&person).await
            } else {
                stage.browser()
            };
            let body = json!({
                "provider": "github",
                "callbackURL": address,
                "errorCallbackURL": address,
                "newUserCallbackURL": address,
            });
            let endpoint = if end == "link" {
                "link-social"
            } else {
                "sign-in/social"
            };
            let answer = browser.post(&format!("/api/auth/{endpoint}"), body).await;
            let started: Value = answer.expect(200).json();
            let url = started["url"].as_str().unwrap();
            let state = crate::parameter(url, "state").unwrap();
            let callback = |rest: &str| format!("/api/auth/callback/github?state={state}{rest}");
            let answer = match end {
                "mismatch" => stage.app.anyone().get(&callback("&code=x")).await,
                "denied" => {
                    let rest =
                        "&error=//evil.example&error_description=%0d%0aLocation:%20//evil.example";
                    browser.get(&callback(rest)).await
                }
                "no code" => browser.get(&callback("")).await,
                "no provider" => {
                    let path = callback("&code=x").replace("/github", "/nobody");
                    browser.get(&path).await
                }
                "bad code" => browser.get(&callback("&code=x")).await,
                "expired" => {
                    let sql = "update verification set value = jsonb_set(value::jsonb, '{expiresAt}', '0')::text";
                    stage.execute(sql).await;
                    browser.get(&callback("&code=x")).await
                }
                _ => {
                    let callback = stage.provider.sign_in(url, &person);
                    browser.follow(&callback).await
                }
            };
            locations.extend(expect_safe(&answer, address));
            assert_eq!(
                answer.status.as_u16(),
                302,
                "{end}: {address:?}: {answer:?}"
            );
        }
    }

    println!("measured: tried {} flows with addresses", locations.len());
    expect_safe_in_node(&locations);
}

#[testkit::test]
async fn a_flow_does_not_redirect_to_an_address_that_is_no_longer_trusted(db: PgPool) {
    let stage = stage(db).await;
    let mut browser = stage.browser();
    let body = json!({ "provider": "github", "errorCallbackURL": "/oops" });
    let url = browser.start_with("sign-in/social", body).await;
    let state = crate::parameter(&url, "state").unwrap();

    // The configuration has changed since the flow began.
    for address in [
        "https://evil.example/x",
        "//evil.example/x",
        "/.//evil.example",
    ] {
        stage
            .execute(&format!(
                r#"update verification set value = jsonb_set(value::jsonb, '{{errorURL}}', '"{address}"')::text"#
            ))
            .await;
        let path = format!("/api/auth/callback/github?state={state}");
        let answer = stage.app.anyone().get(&path).await;
        assert_eq!(answer.status.as_u16(), 403, "{address}: {answer:?}");
        assert!(answer.header_all("location").is_empty());
    }
}
