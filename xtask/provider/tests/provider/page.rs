//! The page on which a developer chooses who signs in.

use provider::{GOOGLE_CLIENT_ID, Person, Provider, Service, sample_people};

use crate::{CALLBACK, authorize_url, client, setting};

#[tokio::test]
async fn the_page_lets_a_developer_choose() {
    let provider = Provider::start().await.unwrap();
    provider.register(Person::new("evil").name("<script>alert(1)</script>"));
    let ask = authorize_url(&provider, Service::GitHub);
    let get = |suffix: &str| client().get(format!("{ask}{suffix}")).send();

    let page = get("").await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(page.contains("Ada Lovelace"));
    assert!(page.contains("&amp;login=ada\""));
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert!(!page.contains("<script"));

    for suffix in ["&login=ada", "&login_hint=ADA@example.com"] {
        let chosen = get(suffix).await.unwrap();
        assert_eq!(chosen.status(), 302);
        let location = chosen.headers()["location"].to_str().unwrap();
        assert!(
            location.starts_with(&format!("{CALLBACK}?code=")),
            "{location}"
        );
        assert!(location.ends_with("&state=S%2B1"), "{location}");
    }

    let new = get("&new_email=zoe%40example.com&new_name=Zo%C3%AB")
        .await
        .unwrap();
    assert_eq!(new.status(), 302);
    let page = get("").await.unwrap().text().await.unwrap();
    assert!(page.contains("zoe@example.com · not verified"));

    let declined = get("&decision=deny").await.unwrap();
    let location = declined.headers()["location"].to_str().unwrap();
    assert!(
        location.starts_with(&format!("{CALLBACK}?error=access_denied&")),
        "{location}"
    );
    assert!(location.ends_with("&state=S%2B1"), "{location}");
    assert_eq!(location, provider.deny(&ask));
}

#[tokio::test]
async fn a_developer_signs_in_from_the_front_page() {
    let provider = Provider::for_api("http://localhost:3001", "http://localhost:5173", 0)
        .await
        .unwrap();
    assert!(provider.url().starts_with("http://localhost:"));

    let page = client().get(provider.url()).send().await.unwrap();

    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(page.contains(r#"data-api="http://localhost:3001""#));
    assert!(page.contains("Sign in with Google"));
    assert!(page.contains(r#"href="http://localhost:3001/docs""#));
    assert!(page.contains(r#"href="http://localhost:5173""#));
}

#[tokio::test]
async fn every_sample_person_can_be_chosen_and_has_a_picture() {
    let provider = Provider::start().await.unwrap();
    let ask = authorize_url(&provider, Service::GitHub);
    let page = client().get(&ask).send().await.unwrap();
    let page = page.text().await.unwrap();

    for person in sample_people() {
        assert!(page.contains(&format!("&amp;login={}\"", person.login)));
        let picture = format!("{}/avatars/{}.svg", provider.url(), person.login);
        let picture = client().get(picture).send().await.unwrap();
        assert_eq!(picture.headers()["content-type"], "image/svg+xml");
        let initials: String = person
            .name
            .unwrap()
            .split(' ')
            .map(|word| &word[..1])
            .collect();
        assert!(picture.text().await.unwrap().contains(&initials));
    }
    for role in ["admin", "moderator"] {
        assert!(page.contains(&format!(">{role}<")), "{role}");
    }
}

#[tokio::test]
async fn the_page_rejects_invalid_requests() {
    let provider = Provider::start().await.unwrap();
    let page = setting(&provider, "GOOGLE_AUTHORIZE_URL");
    let client_id = format!("client_id={GOOGLE_CLIENT_ID}");
    let cases = [
        "response_type=code&redirect_uri=http://a/".to_owned(),
        format!("{client_id}&redirect_uri=http://a/"),
        format!("{client_id}&response_type=code&redirect_uri=/relative"),
        format!("{client_id}&response_type=code&redirect_uri=http://a/&code_challenge=plain"),
    ];
    for query in cases {
        let answer = client()
            .get(format!("{page}?{query}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400, "{query}");
    }
}
