//! The people who can sign in.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A person with an account at both services.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// GitHub's `id` and, as text, Google's `sub`. Derived from the login, so that it is the same in every run.
    pub id: u64,
    /// GitHub's user name. It selects the person on the authorize page.
    pub login: String,
    pub name: Option<String>,
    /// The address in GitHub's profile and in Google's id token.
    pub email: Option<String>,
    /// Whether the services report `email` as verified.
    pub verified: bool,
    /// Whether GitHub's profile shows `email`.
    pub shows_email: bool,
    /// Entries of GitHub's `/user/emails`. `None` lists `email` alone, as the primary address.
    pub emails: Option<Vec<Email>>,
    /// Address of the picture. A path is served by the provider itself.
    pub avatar: Option<String>,
    pub bio: Option<String>,
    /// The website of GitHub's profile.
    pub blog: Option<String>,
    pub location: Option<String>,
    pub company: Option<String>,
    /// A remark for the developer who chooses a person. The services do not report it.
    pub note: Option<&'static str>,
}

/// One entry of GitHub's `/user/emails`.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    pub email: String,
    pub primary: bool,
    pub verified: bool,
}

impl Email {
    pub fn new(email: &str) -> Self {
        Self {
            email: email.to_owned(),
            primary: false,
            verified: false,
        }
    }

    pub fn primary(self) -> Self {
        Self {
            primary: true,
            ..self
        }
    }

    pub fn verified(self) -> Self {
        Self {
            verified: true,
            ..self
        }
    }
}

impl Person {
    /// A person with a name and a verified address made from the login.
    pub fn new(login: &str) -> Self {
        let mut name = login.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self {
            id: id_of(login),
            login: login.to_owned(),
            name: Some(name),
            email: Some(format!("{}@example.com", login.to_lowercase())),
            verified: true,
            shows_email: true,
            emails: None,
            avatar: Some(format!("/avatars/{login}.svg")),
            bio: None,
            blog: None,
            location: None,
            company: None,
            note: None,
        }
    }

    pub fn name(self, name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            ..self
        }
    }

    pub fn email(self, email: &str) -> Self {
        Self {
            email: Some(email.to_owned()),
            ..self
        }
    }

    /// Marks the address as not verified.
    pub fn unverified(self) -> Self {
        Self {
            verified: false,
            ..self
        }
    }

    /// Removes the address.
    pub fn without_email(self) -> Self {
        Self {
            email: None,
            ..self
        }
    }

    /// Sets the entries of GitHub's `/user/emails`.
    pub fn emails(self, emails: impl Into<Vec<Email>>) -> Self {
        Self {
            emails: Some(emails.into()),
            ..self
        }
    }

    /// Hides the address in GitHub's profile.
    pub fn hides_email(self) -> Self {
        Self {
            shows_email: false,
            ..self
        }
    }

    pub fn avatar(self, avatar: &str) -> Self {
        Self {
            avatar: Some(avatar.to_owned()),
            ..self
        }
    }

    pub fn bio(self, bio: &str) -> Self {
        Self {
            bio: Some(bio.to_owned()),
            ..self
        }
    }

    pub fn blog(self, blog: &str) -> Self {
        Self {
            blog: Some(blog.to_owned()),
            ..self
        }
    }

    pub fn location(self, location: &str) -> Self {
        Self {
            location: Some(location.to_owned()),
            ..self
        }
    }

    pub fn company(self, company: &str) -> Self {
        Self {
            company: Some(company.to_owned()),
            ..self
        }
    }

    /// Adds a remark for the developer who chooses a person.
    pub fn note(self, note: &'static str) -> Self {
        Self {
            note: Some(note),
            ..self
        }
    }

    /// Returns up to two initials for a picture.
    pub(crate) fn initials(&self) -> String {
        let words = self.display_name().split_whitespace();
        let first = words.filter_map(|word| word.chars().next());
        first.take(2).flat_map(char::to_uppercase).collect()
    }

    /// Returns the name for a page.
    pub(crate) fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.login)
    }

    /// Whether a login hint names this person. The hint is a user name or an e-mail address.
    pub(crate) fn answers_to(&self, hint: &str) -> bool {
        self.login.eq_ignore_ascii_case(hint)
            || self
                .email
                .as_deref()
                .is_some_and(|email| email.eq_ignore_ascii_case(hint))
    }

    fn picture(&self, base: &str) -> Option<String> {
        self.avatar.as_ref().map(|avatar| {
            if avatar.starts_with('/') {
                format!("{base}{avatar}")
            } else {
                avatar.clone()
            }
        })
    }

    /// Returns the body of GitHub's `GET /user`.
    pub(crate) fn github_profile(&self, base: &str) -> Value {
        json!({
            "login": self.login,
            "id": self.id,
            "avatar_url": self.picture(base),
            "html_url": format!("https://github.com/{}", self.login),
            "type": "User",
            "name": self.name,
            "company": self.company,
            "blog": self.blog.as_deref().unwrap_or(""),
            "location": self.location,
            "email": self.email.as_ref().filter(|_| self.shows_email),
            "bio": self.bio,
        })
    }

    /// Returns the body of GitHub's `GET /user/emails`.
    pub(crate) fn github_emails(&self) -> Value {
        let own = self.email.as_ref().map(|email| Email {
            email: email.clone(),
            primary: true,
            verified: self.verified,
        });
        let listed = self.emails.clone().unwrap_or(own.into_iter().collect());
        listed
            .into_iter()
            .map(|entry| {
                json!({
                    "email": entry.email,
                    "primary": entry.primary,
                    "verified": entry.verified,
                    "visibility": entry.primary.then_some("private"),
                })
            })
            .collect()
    }

    /// Returns the claims about the person in Google's id token.
    pub(crate) fn google_profile(&self, base: &str) -> Value {
        let mut claims = json!({ "sub": self.id.to_string() });
        let optional = [
            ("name", self.name.clone()),
            ("email", self.email.clone()),
            ("picture", self.picture(base)),
        ];
        for (claim, value) in optional {
            if let Some(value) = value {
                claims[claim] = value.into();
            }
        }
        if self.email.is_some() {
            claims["email_verified"] = self.verified.into();
        }
        claims
    }
}

/// Derives an id from the login. It has 48 bits, so that JavaScript represents it exactly.
fn id_of(login: &str) -> u64 {
    Sha256::digest(login.to_lowercase())
        .iter()
        .take(6)
        .fold(0, |id, byte| (id << 8) | u64::from(*byte))
}

/// Returns the people whom the authorize page lists at the start.
pub fn sample_people() -> Vec<Person> {
    vec![
        Person::new("ada")
            .name("Ada Lovelace")
            .bio("Notes on engines, analytical and otherwise.")
            .blog("https://ada.example.com")
            .location("London")
            .company("Analytical Engines Ltd"),
        Person::new("grace")
            .name("Grace Hopper")
            .bio("Compilers, and the patience to explain them.")
            .location("New York"),
        Person::new("katherine")
            .name("Katherine Johnson")
            .bio("Trajectories, checked by hand.")
            .location("Hampton, VA"),
        Person::new("margaret")
            .name("Margaret Hamilton")
            .bio("Software that recovers from its operators.")
            .location("Boston, MA")
            .company("Higher Order Software"),
        Person::new("radia")
            .name("Radia Perlman")
            .bio("Trees that span.")
            .blog("https://radia.example.com")
            .location("Boston, MA"),
        Person::new("hedy").name("Hedy Lamarr").note("admin"),
        Person::new("dorothy")
            .name("Dorothy Vaughan")
            .note("moderator"),
        Person::new("linus-p")
            .name("Linus Pauling")
            .note("signs up")
            .hides_email()
            .emails([
                Email::new("linus@work.example.com").verified(),
                Email::new("linus-p@example.com").primary().verified(),
            ]),
        Person::new("mallory")
            .name("Mallory Unverified")
            .note("signs up")
            .unverified(),
    ]
}
