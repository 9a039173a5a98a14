//! The rules by which a provider's person becomes one of our users, or is linked to one.

use shared::{random, telemetry};

use crate::{
    names::{stored_image, stored_name},
    provider::{Profile, Service, Tokens},
    queries::{
        self,
        session::{NewSession, SessionCreation},
        sign_in::{NewUser, Person},
        user::User,
    },
    request::Call,
};

/// Maximum number of attempts of a sign-in, when concurrent requests insert the same rows.
const MAX_ATTEMPTS: u32 = 4;

/// A provider's person with an address, and their tokens.
pub struct Identity {
    service: Service,
    profile: Profile,
    /// In lower case.
    email: String,
    tokens: Tokens,
}

impl Identity {
    /// Returns `None` if the profile has no address.
    pub fn new(service: Service, profile: Profile, tokens: Tokens) -> Option<Self> {
        let email = profile.email.as_ref()?.to_lowercase();
        Some(Self {
            service,
            profile,
            email,
            tokens,
        })
    }

    /// Verifies that the person is the user with that address, and that the provider has verified the address.
    fn verify_owner(&self, email: &str) -> Result<(), LinkRefusal> {
        if !self.profile.email_verified {
            Err(LinkRefusal::NotVerified)
        } else if self.email != email.to_lowercase() {
            Err(LinkRefusal::OtherEmail)
        } else {
            Ok(())
        }
    }

    fn person(&self) -> Person<'_> {
        Person {
            provider_id: self.service.id(),
            account_id: &self.profile.account_id,
            email: &self.email,
            email_verified: self.profile.email_verified,
            github_username: self.profile.github_username.as_deref(),
        }
    }
}

/// A finished sign-in.
pub struct SignedIn {
    /// The token of the new session.
    pub token: String,
    pub user: Box<User>,
    /// Whether the sign-in created the user.
    pub is_new: bool,
}

/// Why a sign-in ends without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInRefusal {
    /// A user has that address, and it is not verified on both sides.
    NotLinked,
    /// The user of the account does not exist.
    Orphaned,
    /// Several accounts belong to the person.
    Ambiguous,
    /// Concurrent requests inserted the same rows in every attempt.
    NotCreated,
    /// The user was deleted at the same time.
    NoSession,
    /// The user is banned.
    Banned,
}

impl SignInRefusal {
    /// Returns the code in a redirect.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotLinked => "account_not_linked",
            Self::Orphaned => "unable_to_link_account",
            Self::Ambiguous => "internal_server_error",
            Self::NotCreated => "unable_to_create_user",
            Self::NoSession => "unable_to_create_session",
            Self::Banned => "BANNED_USER",
        }
    }
}

/// Why a sign-in failed.
#[derive(Debug)]
pub enum SignInError {
    /// The rules reject it.
    Refused(SignInRefusal),
    /// A statement failed.
    Database(sqlx::Error),
}

impl From<SignInRefusal> for SignInError {
    fn from(refusal: SignInRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<sqlx::Error> for SignInError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Finds or creates the user of a person, and creates a session. Of several concurrent first sign-ins of one person, one
/// creates the user. The others violate a unique index, and find that user in the next attempt.
pub async fn sign_in(call: &Call, identity: &Identity) -> Result<SignedIn, SignInError> {
    let mut attempt = 1;
    let user_id = loop {
        match find_or_create_user(call, identity).await {
            Err(SignInError::Database(error)) if is_race(&error) => {
                if attempt == MAX_ATTEMPTS {
                    return Err(SignInRefusal::NotCreated.into());
                }
                attempt += 1;
            }
            Err(error) => return Err(error),
            Ok(SignInUser::New(signed_in)) => {
                telemetry::set_user(&signed_in.user.id);
                return Ok(signed_in);
            }
            Ok(SignInUser::Known(user_id)) => break user_id,
        }
    };
    telemetry::set_user(&user_id);
    let session = NewSession {
        user_id: &user_id,
        ip_address: &call.ip_address(),
        user_agent: &call.user_agent(),
        impersonated_by: None,
    };
    let db = &call.auth.app.db;
    match db.retry(|| queries::session::insert(db, &session)).await? {
        None | Some(SessionCreation::NoImpersonator) => Err(SignInRefusal::NoSession.into()),
        Some(SessionCreation::Banned) => Err(SignInRefusal::Banned.into()),
        Some(SessionCreation::Created(token, user)) => Ok(SignedIn {
            token,
            user,
            is_new: false,
        }),
    }
}

/// Returns whether a concurrent request inserted the same person or address, or deleted the user of the new account.
fn is_race(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_unique_violation() || error.is_foreign_key_violation())
}

/// The user of a sign-in.
enum SignInUser {
    /// The id of a user, whose account is stored.
    Known(String),
    /// A user who was created with a session.
    New(SignedIn),
}

async fn find_or_create_user(call: &Call, identity: &Identity) -> Result<SignInUser, SignInError> {
    let db = &call.auth.app.db;
    let Identity {
        profile, tokens, ..
    } = identity;
    let person = identity.person();
    let candidates = db
        .retry(|| queries::sign_in::find_or_link(db, &person, tokens))
        .await?;
    let (owners, same_email): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|candidate| candidate.account_row.is_some());
    let known = match (owners.as_slice(), same_email.first()) {
        ([], None) => None,
        ([], Some(user)) => {
            let linked = user.user_id.as_ref().filter(|_| user.linked);
            Some(linked.ok_or(SignInRefusal::NotLinked)?)
        }
        ([owner], _) => Some(owner.user_id.as_ref().ok_or(SignInRefusal::Orphaned)?),
        _ => return Err(SignInRefusal::Ambiguous.into()),
    };
    if let Some(user_id) = known {
        return Ok(SignInUser::Known(user_id.clone()));
    }
    let (id, name) = (random::id(), name_of(profile));
    let (ip_address, user_agent) = (call.ip_address(), call.user_agent());
    let user = NewUser {
        id: &id,
        name: &name,
        image: stored_image(profile.image.as_deref()),
        provider: identity.service.label(),
        bio: profile.bio.as_deref(),
        website: profile.website.as_deref(),
        location: profile.location.as_deref(),
        company: profile.company.as_deref(),
        ip_address: &ip_address,
        user_agent: &user_agent,
    };
    let (token, user) = queries::sign_in::insert_user(db, &user, &person, tokens).await?;
    Ok(SignInUser::New(SignedIn {
        token,
        user: Box::new(user),
        is_new: true,
    }))
}

/// Returns the name of a new user. A person without a printable name gets the user name at GitHub, or none.
fn name_of(profile: &Profile) -> String {
    let name = stored_name(profile.name.as_deref().unwrap_or_default());
    if name.is_empty() {
        profile.github_username.clone().unwrap_or_default()
    } else {
        name
    }
}

/// Why the rules reject a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRefusal {
    /// The provider has not verified the address.
    NotVerified,
    /// The address is not the user's.
    OtherEmail,
    /// The account belongs to another user.
    OtherUser,
}

/// Why a link failed.
#[derive(Debug)]
pub enum LinkError {
    /// The rules reject it.
    Refused(LinkRefusal),
    /// A statement failed.
    Database(sqlx::Error),
}

impl From<LinkRefusal> for LinkError {
    fn from(refusal: LinkRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<sqlx::Error> for LinkError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Links a person to the user who requested it. An account that is linked to the user already gets the new tokens and scopes.
pub async fn link(
    call: &Call,
    identity: &Identity,
    user_id: &str,
    email: &str,
) -> Result<(), LinkError> {
    identity.verify_owner(email)?;
    attach(call, identity, user_id, Ok(())).await
}

/// Does the same with an id token. The address matters only for a person who is not linked to a user yet.
pub async fn link_by_id_token(
    call: &Call,
    identity: &Identity,
    user_id: &str,
    email: &str,
) -> Result<(), LinkError> {
    attach(call, identity, user_id, identity.verify_owner(email)).await
}

/// `may_insert` applies to a new account.
async fn attach(
    call: &Call,
    identity: &Identity,
    user_id: &str,
    may_insert: Result<(), LinkRefusal>,
) -> Result<(), LinkError> {
    let db = &call.auth.app.db;
    let (provider, account) = (identity.service.id(), &identity.profile.account_id);
    let tokens = &identity.tokens;
    let mut attempt = 1;
    loop {
        let Some(owner) = queries::account::find_owner(db, provider, account).await? else {
            may_insert?;
            match queries::account::insert(db, user_id, provider, account, tokens).await {
                Err(error) if attempt < MAX_ATTEMPTS && is_race(&error) => attempt += 1,
                result => return Ok(result?),
            }
            continue;
        };
        if owner.user_id.as_deref() != Some(user_id) {
            return Err(LinkRefusal::OtherUser.into());
        }
        let scope = union(owner.scope.as_deref(), tokens.scope.as_deref());
        queries::account::update_tokens(db, &owner.id, tokens, scope.as_deref()).await?;
        return Ok(());
    }
}

/// Returns the scopes of both lists, the stored ones first.
fn union(stored: Option<&str>, granted: Option<&str>) -> Option<String> {
    let mut scopes: Vec<&str> = Vec::new();
    for scope in [stored, granted]
        .into_iter()
        .flatten()
        .flat_map(|list| list.split(','))
        .map(str::trim)
    {
        if !scope.is_empty() && !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    (!scopes.is_empty()).then(|| scopes.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_united_in_order() {
        assert_eq!(union(Some("a, b"), Some("b,c")).as_deref(), Some("a,b,c"));
        assert_eq!(union(None, Some("")), None);
    }
}
