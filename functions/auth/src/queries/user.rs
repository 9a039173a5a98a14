//! Rows of `user`, as far as Better Auth reads and writes them.

use serde::Serialize;
use shared::time::Timestamp;
use sqlx::PgExecutor;

/// The user object of every answer, its keys in Better Auth's order.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub name: String,
    pub email: String,
    pub email_verified: bool,
    pub image: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub role: Option<String>,
    pub banned: Option<bool>,
    pub ban_reason: Option<String>,
    pub ban_expires: Option<Timestamp>,
    pub id: String,
}

/// What linking has to know of a user.
pub struct Owner {
    pub id: String,
    pub email_verified: bool,
}

/// The user with that address, which is in lower case.
pub async fn find_by_email(db: impl PgExecutor<'_>, email: &str) -> sqlx::Result<Option<Owner>> {
    sqlx::query_as!(
        Owner,
        r#"select id, "emailVerified" as email_verified from "user" where email = $1"#,
        email,
    )
    .fetch_optional(db)
    .await
}

/// A user to be made at a first sign-in.
pub struct NewUser<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub email: &'a str,
    pub email_verified: bool,
    pub image: Option<&'a str>,
    /// `GITHUB` or `GOOGLE`.
    pub provider: &'a str,
    /// The provider's id of the person.
    pub provider_id: &'a str,
    pub avatar: Option<&'a str>,
    pub github_username: Option<&'a str>,
    pub bio: Option<&'a str>,
    pub website: Option<&'a str>,
    pub location: Option<&'a str>,
    pub company: Option<&'a str>,
}

/// Makes a user. Fails on a unique index where the address is taken.
pub async fn insert(db: impl PgExecutor<'_>, user: &NewUser<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into "user" (
            id, name, email, "emailVerified", image, "createdAt", "updatedAt", role, banned,
            provider, "providerId", avatar, "githubUsername", bio, website, location, company, skills
        )
        values (
            $1, $2, $3, $4, $5, now() at time zone 'utc', now() at time zone 'utc', 'user', false,
            $6::text::"AuthProvider", $7, $8, $9, $10, $11, $12, $13, '{}'
        )
        "#,
        user.id,
        user.name,
        user.email,
        user.email_verified,
        user.image,
        user.provider,
        user.provider_id,
        user.avatar,
        user.github_username,
        user.bio,
        user.website,
        user.location,
        user.company,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Changes name and image as far as they are given.
#[expect(
    clippy::option_option,
    reason = "missing, null and a text are three things"
)]
pub async fn update(
    db: impl PgExecutor<'_>,
    id: &str,
    name: Option<&str>,
    image: Option<Option<&str>>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update "user"
        set name = coalesce($2, name),
            image = case when $3 then $4 else image end,
            "updatedAt" = now() at time zone 'utc'
        where id = $1
        "#,
        id,
        name,
        image.is_some(),
        image.flatten(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Makes other transactions that lock this user wait for this one's end.
pub async fn lock(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<()> {
    sqlx::query!(r#"select id from "user" where id = $1 for update"#, id)
        .fetch_optional(db)
        .await?;
    Ok(())
}
