//! `/callback/{provider}`: from the provider back to the frontend.

use axum::http::Method;
use provider::Person;
use serde_json::json;
use sqlx::PgPool;

use crate::{Stage, expect_redirect, parameter, send};

const ERROR: &str = "http://localhost:3001/api/auth/error?error=";

#[testkit::test]
async fn a_first_sign_in_creates_user_account_and_session(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(
        Person::new("Ada")
            .name("Ada Lovelace")
            .email("Ada@Example.com"),
    );
    let mut browser = stage.browser();
    let url = browser
        .start_with(
            "sign-in/social",
            json!({ "provider": "github", "callbackURL": "http://localhost:3000/welcome" }),
        )
        .await;
    let callback = stage.provider.sign_in(&url, &person);

    let answer = browser.follow(&callback).await;

    expect_redirect(&answer, "http://localhost:3000/welcome");
    assert_eq!(answer.header("content-type"), "application/json");
    let token = stage.row("select token from session").await["token"].clone();
    let signed = stage.app.state.config.cookies.sign(token.as_str().unwrap());
    assert_eq!(
        answer.header_all("set-cookie"),
        [
            "better-auth.state=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax".to_owned(),
            format!(
                "better-auth.session_token={signed}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
            ),
        ]
    );

    let user = stage
        .row(
            r#"select id, name, email, "emailVerified", image, role, banned, "providerId", provider::text,
               "createdAt" = "updatedAt" as same from "user""#,
        )
        .await;
    let user_id = user["id"].as_str().unwrap();
    assert_eq!(user_id.len(), 32);
    assert_eq!(
        user,
        json!({
            "id": user_id, "name": "Ada Lovelace", "email": "ada@example.com", "emailVerified": true,
            "image": format!("{}/avatars/Ada.svg", stage.provider.url()), "role": "user", "banned": false,
            "provider": "GITHUB", "providerId": person.id.to_string(), "same": true,
        })
    );
    let account = stage
        .row(
            r#"select "accountId", "providerId", "userId", scope, "refreshToken", "idToken", password,
               "accessTokenExpiresAt", "refreshTokenExpiresAt", left("accessToken", 4) as token,
               length(id) as id from account"#,
        )
        .await;
    assert_eq!(
        account,
        json!({
            "accountId": person.id.to_string(), "providerId": "github", "userId": user_id,
            "scope": "read:user,user:email", "refreshToken": null, "idToken": null, "password": null,
            "accessTokenExpiresAt": null, "refreshTokenExpiresAt": null, "token": "gho_", "id": 32,
        })
    );
    let session = stage
        .row(
            r#"select length(id) as id, length(token) as token, id <> token as differ, "userId", "ipAddress",
               "userAgent", extract(epoch from "expiresAt" - "createdAt")::int as life,
               "createdAt" = "updatedAt" as same, "impersonatedBy" from session"#,
        )
        .await;
    assert_eq!(
        session,
        json!({
            "id": 32, "token": 32, "differ": true, "userId": user_id, "ipAddress": "127.0.0.1",
            "userAgent": "", "life": 604_800, "same": true, "impersonatedBy": null,
        })
    );
    assert_eq!(stage.count("verification").await, 0);
}

#[testkit::test]
async fn the_session_stores_address_and_user_agent(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    let mut browser = stage.browser();
    let url = browser.start("google").await;
    let callback = stage.provider.sign_in(&url, &person);
    let path = callback.strip_prefix("http://localhost:3001").unwrap();

    let answer = browser
        .caller()
        .from_address("2001:DB8:1:2:3:4:5:6")
        .header("user-agent", "a browser")
        .get(path)
        .await;

    expect_redirect(&answer, "/home");
    let row = stage
        .row(r#"select "ipAddress" as ip, "userAgent" as agent from session"#)
        .await;
    assert_eq!(
        row,
        json!({ "ip": "2001:0db8:0001:0002:0000:0000:0000:0000", "agent": "a browser" })
    );
}

#[testkit::test]
async fn new_users_are_redirected_to_their_own_address(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    let body =
        json!({ "provider": "google", "callbackURL": "/home", "newUserCallbackURL": "/new" });

    for expected in ["/new", "/home"] {
        let mut browser = stage.browser();
        let url = browser.start_with("sign-in/social", body.clone()).await;
        let answer = browser.follow(&stage.provider.sign_in(&url, &person)).await;
        expect_redirect(&answer, expected);
    }
}

/// Lambda requires ASCII headers, so non-ASCII characters are percent-encoded. The rest of the address stays unchanged.
#[testkit::test]
async fn non_ascii_addresses_are_encoded(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));

    for (address, location) in [
        ("/straße b?ü=\"<🦀", "/stra%C3%9Fe b?%C3%BC=\"<%F0%9F%A6%80"),
        ("/%zz?a=%2F#é", "/%zz?a=%2F#%C3%A9"),
        ("https://codecave.tech", "https://codecave.tech"),
    ] {
        let mut browser = stage.browser();
        let body = json!({ "provider": "github", "callbackURL": address });
        let url = browser.start_with("sign-in/social", body).await;
        let answer = browser.follow(&stage.provider.sign_in(&url, &person)).await;
        expect_redirect(&answer, location);
    }
}

#[testkit::test]
async fn a_callback_without_a_known_state_is_an_error(db: PgPool) {
    let stage = Stage::new(db).await;

    for query in ["", "?code=x", "?state=", "?error=access_denied"] {
        let path = format!("/api/auth/callback/github{query}");
        let answer = stage.app.anyone().get(&path).await;
        expect_redirect(&answer, &format!("{ERROR}state_not_found"));
        assert_eq!(answer.header("set-cookie"), "");
    }
    let answer = stage
        .app
        .anyone()
        .get("/api/auth/callback/github?state=unknown&code=x")
        .await;
    expect_redirect(&answer, &format!("{ERROR}state_mismatch"));
}

#[testkit::test]
async fn a_state_belongs_to_the_browser_that_started_it(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    let mut browser = stage.browser();
    let url = browser.start("github").await;
    let callback = stage.provider.sign_in(&url, &person);
    let path = callback.strip_prefix("http://localhost:3001").unwrap();
    let mut other = stage.browser();
    other.start("github").await;
    let mine = browser.cookie("better-auth.state").unwrap().to_owned();
    let state = parameter(&url, "state").unwrap();

    let tampered = mine.replace('.', ".A");
    let unsigned = state.clone();
    let cookies = [
        None,
        Some(other.cookie("better-auth.state").unwrap()),
        Some(tampered.as_str()),
        Some(unsigned.as_str()),
        Some(""),
    ];
    for cookie in cookies {
        let mut caller = stage.app.anyone();
        if let Some(cookie) = cookie {
            caller = caller.header("cookie", &format!("better-auth.state={cookie}"));
        }
        let answer = caller.get(path).await;
        expect_redirect(&answer, "/oops?error=state_mismatch");
        assert_eq!(answer.header("set-cookie"), "");
    }
    // The first of two cookies with one name is used, even if it is malformed.
    let answer = stage
        .app
        .anyone()
        .header(
            "cookie",
            &format!("better-auth.state=x; better-auth.state={mine}"),
        )
        .get(path)
        .await;
    expect_redirect(&answer, "/oops?error=state_mismatch");
    // Over HTTP, the cookie with the prefix `__Secure-` is ignored.
    let answer = stage
        .app
        .anyone()
        .header("cookie", &format!("__Secure-better-auth.state={mine}"))
        .get(path)
        .await;
    expect_redirect(&answer, "/oops?error=state_mismatch");

    assert_eq!(stage.count("verification").await, 2);
    let answer = browser.follow(&callback).await;
    expect_redirect(&answer, "/home");
}

#[testkit::test]
async fn a_state_can_be_used_once(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    let mut browser = stage.browser();
    let url = browser.start("github").await;
    let callback = stage.provider.sign_in(&url, &person);
    let again = browser.clone();

    expect_redirect(&browser.follow(&callback).await, "/home");
    let answer = again.clone().follow(&callback).await;

    expect_redirect(&answer, &format!("{ERROR}state_mismatch"));
    assert_eq!(stage.count("session").await, 1);
}

#[testkit::test]
async fn a_state_expires_at_the_time_in_its_value(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    let mut browser = stage.browser();
    let url = browser.start("github").await;
    let callback = stage.provider.sign_in(&url, &person);
    stage
        .execute(
            "update verification set value = jsonb_set(value::jsonb, '{expiresAt}', \
             to_jsonb((extract(epoch from now()) * 1000)::bigint - 1))::text",
        )
        .await;

    let answer = browser.follow(&callback).await;

    expect_redirect(&answer, "/oops?error=state_mismatch");
    assert_eq!(stage.count("verification").await, 0);
    assert_eq!(stage.count("session").await, 0);
}

#[testkit::test]
async fn a_row_with_another_state_is_a_mismatch(db: PgPool) {
    let stage = Stage::new(db).await;
    let person = stage.provider.register(Person::new("ada"));
    let mut browser = stage.browser();
    let url = browser.start("github").await;
    let callback = stage.provider.sign_in(&url, &person);
    stage
        .execute(
            r#"update verification set value = jsonb_set(value::jsonb, '{oauthState}', '"another"')::text"#,
        )
        .await;

    let answer = browser.follow(&callback).await;

    expect_redirect(&answer, "/oops?error=state_mismatch");
    assert_eq!(stage.count("session").await, 0);
}

#[testkit::test]
async fn a_malformed_row_is_a_mismatch(db: PgPool) {
    let stage = Stage::new(db).await;
    for value in ["nonsense", "{}", r#"{"callbackURL":5}"#, ""] {
        let mut browser = stage.browser();
        let url = browser.start("github").await;
        let state = parameter(&url, "state").unwrap();
        stage
            .execute(&format!("update verification set value = '{value}'"))
            .await;
        let answer = browser
            .get(&format!("/api/auth/callback/github?code=x&state={state}"))
            .await;
        expect_redirect(&answer, &format!("{ERROR}state_mismatch"));
    }
}

#[testkit::test]
async fn an_error_of_the_provider_is_passed_to_the_error_address(db: PgPool) {
    let stage = Stage::new(db).await;
    let mut browser = stage.browser();
    let url = browser
        .start_with(
            "sign-in/social",
            json!({ "provider": "github", "errorCallbackURL": "http://localhost:3000/oops?a=1" }),
        )
        .await;

    let answer = browser.follow(&stage.provider.deny(&url)).await;

    expect_redirect(
        &answer,
        "http://localhost:3000/oops?a=1&error=access_denied\
         &error_description=The+user+has+denied+your+application+access.",
    );
    assert_eq!(
        answer.header_all("set-cookie"),
        ["better-auth.state=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"]
    );
    assert_eq!(stage.count("verification").await, 0);
}

#[testkit::test]
async fn errors_without_an_error_address_redirect_to_the_error_page(db: PgPool) {
    let stage = Stage::new(db).await;
    let mut browser = stage.browser();
    let url = browser
        .start_with("sign-in/social", json!({ "provider": "github" }))
        .await;
    let state = parameter(&url, "state").unwrap();

    let answer = browser
        .get(&format!("/api/auth/callback/github?state={state}"))
        .await;

    expect_redirect(&answer, &format!("{ERROR}no_code"));
}

#[testkit::test]
async fn providers_that_are_not_configured_are_not_found(db: PgPool) {
    let stage = Stage::new(db).await;
    for provider in ["gitlab", "GITHUB", "git%00hub", "%ff"] {
        let mut browser = stage.browser();
        let url = browser.start("github").await;
        let state = parameter(&url, "state").unwrap();
        let path = format!("/api/auth/callback/{provider}?code=x&state={state}");
        let answer = browser.get(&path).await;
        expect_redirect(&answer, "/oops?error=oauth_provider_not_found");
    }
}

#[testkit::test]
async fn a_repeated_parameter_is_rejected(db: PgPool) {
    let stage = Stage::new(db).await;

    for name in ["code", "state", "error", "iss", "user"] {
        let path = format!("/api/auth/callback/github?{name}=a&{name}=b");
        for method in [Method::GET, Method::POST] {
            let answer = stage.app.anyone().send(method, &path, None).await;
            crate::expect_code(
                &answer,
                400,
                "VALIDATION_ERROR",
                &format!("[query.{name}] Invalid input: expected string, received array"),
            );
        }
    }
    let answer = stage
        .app
        .anyone()
        .get("/api/auth/callback/github?other=a&other=b")
        .await;
    expect_redirect(&answer, &format!("{ERROR}state_not_found"));
}

#[testkit::test]
async fn a_posted_form_is_redirected_as_a_query(db: PgPool) {
    let stage = Stage::new(db).await;
    let form = b"code=c+1&state=s%26&user=u&junk=j";

    let answer = send(
        &stage.app.anyone(),
        Method::POST,
        "/api/auth/callback/github?state=mine&more=x",
        "application/x-www-form-urlencoded",
        form,
    )
    .await;

    expect_redirect(
        &answer,
        "http://localhost:3001/api/auth/callback/github?code=c+1&state=mine&user=u",
    );
    let answer = stage
        .app
        .anyone()
        .post("/api/auth/callback/google", json!({ "error": "no" }))
        .await;
    expect_redirect(
        &answer,
        "http://localhost:3001/api/auth/callback/google?error=no",
    );
}

#[testkit::test]
async fn a_sign_in_replaces_the_session_cookie_and_keeps_the_old_session(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    let grace = stage.provider.register(Person::new("grace"));
    let mut browser = stage.signed_in(&ada).await;
    let before = browser
        .cookie("better-auth.session_token")
        .map(str::to_owned);

    browser.sign_in(&stage.provider, "google", &grace).await;

    assert_ne!(
        browser
            .cookie("better-auth.session_token")
            .map(str::to_owned),
        before
    );
    assert_eq!(
        browser.session().await["user"]["email"],
        "grace@example.com"
    );
    assert_eq!(stage.count("session").await, 2);
}

#[testkit::test]
async fn a_callback_removes_its_own_state_only(db: PgPool) {
    let stage = Stage::new(db).await;
    stage
        .execute(
            r#"insert into verification (id, identifier, value, "expiresAt", "updatedAt")
               select i::text, 'old', '{}', now() at time zone 'utc' - interval '1 minute', now()
               from generate_series(1, 5) i"#,
        )
        .await;

    stage
        .app
        .anyone()
        .get("/api/auth/callback/github?state=x")
        .await;

    // The scheduled job removes expired states.
    assert_eq!(stage.count("verification").await, 5);
}

#[testkit::test]
async fn banned_users_get_no_session(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    stage.signed_in(&ada).await;
    stage
        .execute(r#"update "user" set banned = true, "banReason" = 'no'"#)
        .await;
    stage.execute("delete from session").await;

    let mut browser = stage.browser();
    let answer = browser.sign_in(&stage.provider, "github", &ada).await;

    expect_redirect(
        &answer,
        "/oops?error=BANNED_USER&error_description=You+have+been+banned+from+this+application.+\
         Please+contact+support+if+you+believe+this+is+an+error.",
    );
    assert_eq!(stage.count("session").await, 0);

    stage
        .execute(
            r#"update "user" set "banExpires" = now() at time zone 'utc' - interval '1 second'"#,
        )
        .await;
    let answer = browser.sign_in(&stage.provider, "github", &ada).await;
    expect_redirect(&answer, "/home");
    let user = &browser.session().await["user"];
    assert_eq!(
        (&user["banned"], &user["banReason"], &user["banExpires"]),
        (&json!(false), &json!(null), &json!(null))
    );
}

#[testkit::test]
async fn deactivated_users_can_sign_in(db: PgPool) {
    let stage = Stage::new(db).await;
    let ada = stage.provider.register(Person::new("ada"));
    stage.signed_in(&ada).await;
    stage
        .execute(r#"update "user" set "isActive" = false"#)
        .await;

    let mut browser = stage.signed_in(&ada).await;

    assert_eq!(browser.session().await["user"]["email"], "ada@example.com");
}
