//! Whose account it is: the rules by which a provider's person becomes, or is linked to, one of our users.

use shared::{random, telemetry};

use crate::{
    error::Result,
    provider::{Profile, Service, Tokens},
    queries::{
        self,
        account::SeenAgain,
        session::{Made, NewSession},
        user::{Candidate, NewUser, User},
    },
    request::Call,
};

/// How often a sign-in starts again when somebody else made the same rows in that moment.
const MAX_ATTEMPTS: u32 = 4;

/// What a banned user is told (Better Auth's admin plugin 1.7).
pub const BANNED: &str = "You have been banned from this application. Please contact support if you believe this is an error.";

/// A provider's person with an address, and their tokens.
pub struct Identity {
    service: Service,
    profile: Profile,
    /// In lower case.
    email: String,
    tokens: Tokens,
}

impl Identity {
    /// `None` where the provider names no address.
    pub fn new(service: Service, profile: Profile, tokens: Tokens) -> Option<Self> {
        let email = profile.email.as_ref()?.to_lowercase();
        Some(Self {
            service,
            profile,
            email,
            tokens,
        })
    }

    /// Whether the person is the user with that address, as far as the provider vouches for it.
    fn belongs_to(&self, email: &str) -> std::result::Result<(), LinkRefusal> {
        if !self.profile.email_verified {
            Err(LinkRefusal::NotVerified)
        } else if self.email != email.to_lowercase() {
            Err(LinkRefusal::OtherEmail)
        } else {
            Ok(())
        }
    }

    /// The address, where the provider vouches for it.
    fn verified_email(&self) -> Option<&str> {
        self.profile.email_verified.then_some(self.email.as_str())
    }
}

/// A finished sign-in.
pub struct SignedIn {
    /// Of the new session.
    pub token: String,
    pub user: Box<User>,
    /// Whether the sign-in made the user.
    pub is_new: bool,
}

/// Why a sign-in ends without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A user has that address, and one of the two sides has not proved it.
    NotLinked,
    /// The account's user is gone.
    Orphaned,
    /// Several accounts claim the person.
    Ambiguous,
    /// Others kept making the same rows.
    NotCreated,
    /// The user went away in that moment.
    NoSession,
    Banned,
}

impl Refusal {
    /// The code in a redirect.
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

/// Finds or makes the user of a person, and makes a session. Of several first sign-ins of one person at once, one makes
/// the user, and the others find that user when their own rows meet the unique indexes.
pub async fn sign_in(
    call: &Call,
    identity: &Identity,
) -> Result<std::result::Result<SignedIn, Refusal>> {
    let mut found = Err(Refusal::NotCreated);
    for _ in 0..MAX_ATTEMPTS {
        match find_or_make_user(call, identity).await {
            Err(error) if is_race(&error) => {}
            result => {
                found = result?;
                break;
            }
        }
    }
    let (user_id, is_new) = match found {
        Ok(found) => found,
        Err(refusal) => return Ok(Err(refusal)),
    };
    telemetry::set_user(&user_id);
    let session = NewSession {
        user_id: &user_id,
        ip_address: &call.ip_address(),
        user_agent: &call.user_agent(),
        impersonated_by: None,
    };
    let db = &call.auth.app.db;
    let made = db.retry(|| queries::session::insert(db, &session)).await?;
    Ok(match made {
        None => Err(Refusal::NoSession),
        Some(Made::Banned) => Err(Refusal::Banned),
        Some(Made::Session(token, user)) => Ok(SignedIn {
            token,
            user,
            is_new,
        }),
    })
}

/// Somebody else wrote the same person or address first, or deleted the user that we were going to link to.
fn is_race(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_unique_violation() || error.is_foreign_key_violation())
}

/// The user's id, and whether the user is new.
async fn find_or_make_user(
    call: &Call,
    identity: &Identity,
) -> sqlx::Result<std::result::Result<(String, bool), Refusal>> {
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
            Candidate {
                account_row: Some(row),
                user_id: Some(user_id),
                ..
            },
        ] => {
            let seen = SeenAgain {
                verified_email: identity.verified_email(),
                github_username: profile.github_username.as_deref(),
            };
            db.retry(|| queries::account::update_at_sign_in(db, row, tokens, &seen))
                .await?;
            return Ok(Ok((user_id.clone(), false)));
        }
        [_] => return Ok(Err(Refusal::Orphaned)),
        _ => return Ok(Err(Refusal::Ambiguous)),
    }
    if let Some(Candidate {
        user_id: Some(user_id),
        email_verified,
        ..
    }) = same_email.into_iter().next()
    {
        if !profile.email_verified || !email_verified {
            return Ok(Err(Refusal::NotLinked));
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
        return Ok(Ok((user_id, false)));
    }
    let id = random::id();
    let user = new_user(&id, identity);
    queries::user::insert_with_account(db, &user, provider, tokens).await?;
    Ok(Ok((id, true)))
}

fn new_user<'a>(id: &'a str, identity: &'a Identity) -> NewUser<'a> {
    let profile = &identity.profile;
    NewUser {
        id,
        name: profile.name.as_deref().unwrap_or_default(),
        email: &identity.email,
        email_verified: profile.email_verified,
        image: profile.image.as_deref(),
        provider: identity.service.label(),
        provider_id: &profile.account_id,
        avatar: profile.image.as_deref(),
        github_username: profile.github_username.as_deref(),
        bio: profile.bio.as_deref(),
        website: profile.website.as_deref(),
        location: profile.location.as_deref(),
        company: profile.company.as_deref(),
    }
}

/// Why an account is not linked to the user who asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRefusal {
    /// The provider does not vouch for the address.
    NotVerified,
    /// The address is not the user's.
    OtherEmail,
    /// The account is another user's.
    OtherUser,
}

/// Links a person to the user who asked for it; what is linked to them already gets the new tokens and scopes.
pub async fn link(
    call: &Call,
    identity: &Identity,
    user_id: &str,
    email: &str,
) -> Result<std::result::Result<(), LinkRefusal>> {
    match identity.belongs_to(email) {
        Ok(()) => attach(call, identity, user_id, Ok(())).await,
        refusal => Ok(refusal),
    }
}

/// The same by an id token: the address matters only where the person is linked to nobody yet.
pub async fn link_by_id_token(
    call: &Call,
    identity: &Identity,
    user_id: &str,
    email: &str,
) -> Result<std::result::Result<(), LinkRefusal>> {
    attach(call, identity, user_id, identity.belongs_to(email)).await
}

/// `if_new` says whether an account may be made.
async fn attach(
    call: &Call,
    identity: &Identity,
    user_id: &str,
    if_new: std::result::Result<(), LinkRefusal>,
) -> Result<std::result::Result<(), LinkRefusal>> {
    let db = &call.auth.app.db;
    let (provider, account) = (identity.service.id(), &identity.profile.account_id);
    let mut attempt = 1;
    loop {
        let Some(owner) = queries::account::find_owner(db, provider, account).await? else {
            if if_new.is_err() {
                return Ok(if_new);
            }
            let inserted =
                queries::account::insert(db, user_id, provider, account, &identity.tokens).await;
            match inserted {
                Err(error) if attempt < MAX_ATTEMPTS && is_race(&error) => attempt += 1,
                result => return Ok(Ok(result?)),
            }
            continue;
        };
        if owner.user_id.as_deref() != Some(user_id) {
            return Ok(Err(LinkRefusal::OtherUser));
        }
        let scope = union(owner.scope.as_deref(), identity.tokens.scope.as_deref());
        let tokens = &identity.tokens;
        queries::account::update_tokens(db, &owner.id, tokens, scope.as_deref()).await?;
        return Ok(Ok(()));
    }
}

/// The scopes of both lists, the stored ones first.
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
