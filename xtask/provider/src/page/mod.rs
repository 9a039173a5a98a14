//! The HTML pages.

use std::fmt::Write as _;

use crate::{grant::Service, http::Fields, people::Person};

const STYLE: &str = include_str!("page.css");

/// The page on which a developer chooses who signs in.
pub fn choice(service: Service, fields: &Fields, people: &[Person]) -> String {
    let (name, class) = match service {
        Service::GitHub => ("GitHub", "github"),
        Service::Google => ("Google", "google"),
    };
    // The links and the form keep all parameters of the client, except those that choose a person.
    let kept: Vec<_> = fields
        .iter()
        .filter(|(field, _)| !["login", "login_hint", "decision"].contains(field))
        .collect();
    let with = |field: &str, value: &str| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&kept)
            .append_pair(field, value)
            .finish();
        format!("?{}", escape(&query))
    };

    let mut choices = String::new();
    for person in people {
        let _ = write!(
            choices,
            include_str!("choice.html"),
            link = with("login", &person.login),
            avatar = escape(&format!("/avatars/{}.svg", person.login)),
            name = escape(person.display_name()),
            email = escape(person.email.as_deref().unwrap_or("no address")),
            mark = if person.verified {
                ""
            } else {
                " · not verified"
            },
            note = match person.note {
                Some(note) => format!(r#"<span class="note">{}</span>"#, escape(note)),
                None => String::new(),
            },
        );
    }
    let mut hidden = String::new();
    for (field, value) in &kept {
        let (field, value) = (escape(field), escape(value));
        let _ = writeln!(
            hidden,
            r#"    <input type="hidden" name="{field}" value="{value}">"#
        );
    }
    format!(
        include_str!("page.html"),
        style = STYLE,
        name = name,
        class = class,
        choices = choices,
        hidden = hidden,
        hint = escape(fields.get("login_hint").unwrap_or_default()),
        scopes = escape(fields.get("scope").unwrap_or("nothing")),
        decline = with("decision", "deny"),
    )
}

/// The page for an authorize request that is rejected, with the reason.
pub fn refusal(reason: &str) -> String {
    format!(
        include_str!("refusal.html"),
        style = STYLE,
        reason = escape(reason)
    )
}

/// The page from which a developer signs in to the API at this address. `frontend` is the address of the web app.
pub fn front(api: &str, frontend: &str) -> String {
    format!(
        include_str!("front.html"),
        style = STYLE,
        script = include_str!("front.js"),
        api = escape(api),
        frontend = escape(frontend)
    )
}

/// A coloured disc with the initials of a person.
pub fn avatar(login: &str, initials: &str) -> String {
    let hue = login
        .bytes()
        .fold(0_u32, |hue, byte| (hue * 31 + u32::from(byte)) % 360);
    format!(
        include_str!("avatar.svg"),
        hue = hue,
        initials = escape(initials)
    )
}

/// Escapes text for the content or a quoted attribute of HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
