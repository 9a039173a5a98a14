//! The statements of a sign-in: the rows of a provider's person in `user`, `account` and `session`.

use shared::{http::SESSION_LIFETIME, random, time::Timestamp};
use sqlx::PgExecutor;

use super::user::User;
use crate::provider::Tokens;

/// A provider's person who signs in.
pub struct Person<'a> {
    pub provider_id: &'a str,
    /// The provider's id of the person.
    pub account_id: &'a str,
    /// In lower case.
    pub email: &'a str,
    pub email_verified: bool,
    pub github_username: Option<&'a str>,
}

/// A user to whom a sign-in may belong.
pub struct SignInCandidate {
    /// The person's account; `None` for the user with the same address.
    pub account_row: Option<String>,
    /// `None` if the account's user does not exist.
    pub user_id: Option<String>,
    /// The person was linked to the user with the same address.
    pub linked: bool,
}

/// Returns at most two accounts of a person, and the user with the same address. Stores the sign-in if it belongs to one user:
///
/// - The tokens of the person's only account. A token that is `None` keeps its value, and so does the scope.
/// - Without an account, a new account of the user with the same address, if it is verified on both sides. Fails on a unique
///   index if a concurrent request links the person.
/// - The user's changed name at GitHub. The user's address becomes verified if the provider has verified the same address.
///   Nothing else of the user changes.
pub async fn find_or_link(
    db: impl PgExecutor<'_>,
    person: &Person<'_>,
    tokens: &Tokens,
) -> sqlx::Result<Vec<SignInCandidate>> {
    sqlx::query_as!(
        SignInCandidate,
        r#"
        with owner as (
            select a.id as account_row, u.id as user_id
            from account a
            left join "user" u on u.id = a."userId"
            where a."providerId" = $1 and a."accountId" = $2
            limit 2
        ),
        same_email as (
            select id, "emailVerified" as email_verified from "user" where email = $3
        ),
        updated as (
            update account a
            set "accessToken" = coalesce($7, a."accessToken"),
                "refreshToken" = coalesce($8, a."refreshToken"),
                "idToken" = coalesce($9, a."idToken"),
                "accessTokenExpiresAt" = coalesce($10, a."accessTokenExpiresAt"),
                "refreshTokenExpiresAt" = coalesce($11, a."refreshTokenExpiresAt"),
                "updatedAt" = now() at time zone 'utc'
            from owner
            where a.id = owner.account_row
                and owner.user_id is not null
                and (select count(*) from owner) = 1
            returning a."userId"
        ),
        linked as (
            insert into account (
                id, "accountId", "providerId", "userId", "accessToken", "refreshToken", "idToken",
                "accessTokenExpiresAt", "refreshTokenExpiresAt", scope, "createdAt", "updatedAt"
            )
            select
                $6, $2, $1, id, $7, $8, $9, $10, $11, $12,
                now() at time zone 'utc', now() at time zone 'utc'
            from same_email
            where $4 and email_verified and not exists (select from owner)
            returning "userId"
        ),
        person as (
            update "user" u
            set "emailVerified" = u."emailVerified" or ($4 and u.email = $3),
                "githubUsername" = coalesce($5, u."githubUsername"),
                "updatedAt" = now() at time zone 'utc'
            from (select "userId" from updated union all select "userId" from linked) signed_in
            where u.id = signed_in."userId"
                and (
                    (not u."emailVerified" and $4 and u.email = $3)
                    or u."githubUsername" is distinct from coalesce($5, u."githubUsername")
                )
        )
        select account_row as "account_row?", user_id as "user_id?", false as "linked!" from owner
        union all
        select null, id, exists (select from linked) from same_email
        "#,
        person.provider_id,
        person.account_id,
        person.email,
        person.email_verified,
        person.github_username,
        random::id(),
        tokens.access_token,
        tokens.refresh_token,
        tokens.id_token,
        tokens.access_token_expires_at.map(|time| time.0),
        tokens.refresh_token_expires_at.map(|time| time.0),
        tokens.scope,
    )
    .fetch_all(db)
    .await
}

/// A user to insert at a first sign-in, and the client.
pub struct NewUser<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub image: Option<&'a str>,
    /// `GITHUB` or `GOOGLE`.
    pub provider: &'a str,
    pub bio: Option<&'a str>,
    pub website: Option<&'a str>,
    pub location: Option<&'a str>,
    pub company: Option<&'a str>,
    /// The client's address in the stored form: empty if there is none.
    pub ip_address: &'a str,
    /// The `User-Agent` header, or an empty text.
    pub user_agent: &'a str,
}

/// Inserts a user with their account and a session in one statement. Returns the token of the session, and the user. Fails on
/// a unique index if the address is taken or the person is known.
pub async fn insert_user(
    db: impl PgExecutor<'_>,
    user: &NewUser<'_>,
    person: &Person<'_>,
    tokens: &Tokens,
) -> sqlx::Result<(String, User)> {
    let token = random::id();
    let user = sqlx::query_as!(
        User,
        r#"
        with made as (
            insert into "user" (
                id, name, email, "emailVerified", image, "createdAt", "updatedAt", role, banned,
                provider, "providerId", avatar, "githubUsername", bio, website, location, company, skills
            )
            values (
                $1, $2, $3, $4, $5, now() at time zone 'utc', now() at time zone 'utc', 'user', false,
                $6::text::"AuthProvider", $7, $5, $8, $9, $10, $11, $12, '{}'
            )
            returning
                id, name, email, "emailVerified", image, "createdAt", "updatedAt", role, banned,
                "banReason", "banExpires"
        ),
        linked as (
            insert into account (
                id, "accountId", "providerId", "userId", "accessToken", "refreshToken", "idToken",
                "accessTokenExpiresAt", "refreshTokenExpiresAt", scope, "createdAt", "updatedAt"
            )
            select $13, $7, $14, id, $15, $16, $17, $18, $19, $20, "createdAt", "createdAt"
            from made
        ),
        signed_in as (
            insert into session (
                id, token, "userId", "expiresAt", "createdAt", "updatedAt", "ipAddress", "userAgent"
            )
            select
                $21, $22, id, now() at time zone 'utc' + make_interval(secs => $23::float8),
                "createdAt", "createdAt", $24, $25
            from made
        )
        select
            name as "name!", email as "email!", "emailVerified" as "email_verified!", image,
            "createdAt" as "created_at!: Timestamp", "updatedAt" as "updated_at!: Timestamp",
            role, banned, "banReason" as ban_reason, "banExpires" as "ban_expires: Timestamp", id as "id!"
        from made
        "#,
        user.id,
        user.name,
        person.email,
        person.email_verified,
        user.image,
        user.provider,
        person.account_id,
        person.github_username,
        user.bio,
        user.website,
        user.location,
        user.company,
        random::id(),
        person.provider_id,
        tokens.access_token,
        tokens.refresh_token,
        tokens.id_token,
        tokens.access_token_expires_at.map(|time| time.0),
        tokens.refresh_token_expires_at.map(|time| time.0),
        tokens.scope,
        random::id(),
        token,
        f64::from(SESSION_LIFETIME),
        user.ip_address,
        user.user_agent,
    )
    .fetch_one(db)
    .await?;
    Ok((token, user))
}
