//! The rules by which a provider's person becomes one of our users, or is linked to one.

use shared::{random, telemetry};

use crate::{
    names::{stored_image, stored_name},
    provider::{Profile, Service, Tokens},
    queries::{
        self,
        account::ProfileUpdate,
        session::{NewSession, SessionCreation},
        user::{NewUser, SignInCandidate, User},
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

    /// Returns the address if the provider has verified it.
    fn verified_email(&self) -> Option<&str> {
        self.profile.email_verified.then_some(self.email.as_str())
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
    let (user_id, is_new) = loop {
        match find_or_create_user(call, identity).await {
            Err(SignInError::Database(error)) if is_race(&error) => {
                if attempt == MAX_ATTEMPTS {
                    return Err(SignInRefusal::NotCreated.into());
                }
                attempt += 1;
            }
            result => break result?,
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
            is_new,
        }),
    }
}

/// Returns whether a concurrent request inserted the same person or address, or deleted the user of the new account.
fn is_race(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_unique_violation() || error.is_foreign_key_violation())
}

/// Returns the user's id, and whether the user is new.
async fn find_or_create_user(
    call: &Call,
    identity: &Identity,
) -> Result<(String, bool), SignInError> {
    let db = &call.auth.app.db;
    let Identity {
        service,
        profile,
        tokens,
        ..
    } = identity;
    let (provider, account) = (service.id(), &profile.account_id);
    let candidates = queries::user::find_candidates(db, provider, account, &identity.email).await?;
    let (owners, same_email): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|candidate| candidate.account_row.is_some());
    match owners.as_slice() {
        [] => {}
        [
            SignInCandidate {
                account_row: Some(row),
                user_id: Some(user_id),
                ..
            },
        ] => {
            let update = ProfileUpdate {
                verified_email: identity.verified_email(),
                github_username: profile.github_username.as_deref(),
            };
            db.retry(|| queries::account::update_at_sign_in(db, row, tokens, &update))
                .await?;
            return Ok((user_id.clone(), false));
        }
        [_] => return Err(SignInRefusal::Orphaned.into()),
        _ => return Err(SignInRefusal::Ambiguous.into()),
    }
    if let Some(SignInCandidate {
        user_id: Some(user_id),
        email_verified,
        ..
    }) = same_email.into_iter().next()
    {
        if !profile.email_verified || !email_verified {
            return Err(SignInRefusal::NotLinked.into());
        }
        let github_username = profile.github_username.as_deref();
        queries::account::insert_at_sign_in(
            db,
            &user_id,
            provider,
            account,
            tokens,
            github_username,
        )
        .await?;
        return Ok((user_id, false));
    }
    let id = random::id();
    let name = name_of(profile);
    let user = new_user(&id, &name, identity);
    queries::user::insert_with_account(db, &user, provider, tokens).await?;
    Ok((id, true))
}

fn new_user<'a>(id: &'a str, name: &'a str, identity: &'a Identity) -> NewUser<'a> {
    let profile = &identity.profile;
    let image = stored_image(profile.image.as_deref());
    NewUser {
        id,
        name,
        email: &identity.email,
        email_verified: profile.email_verified,
        image,
        provider: identity.service.label(),
        provider_id: &profile.account_id,
        avatar: image,
        github_username: profile.github_username.as_deref(),
        bio: profile.bio.as_deref(),
        website: profile.website.as_deref(),
        location: profile.location.as_deref(),
        company: profile.company.as_deref(),
    }
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
