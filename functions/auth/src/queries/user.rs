//! Rows of `user`, with the columns of Better Auth.

use serde::Serialize;
use shared::time::Timestamp;
use sqlx::PgExecutor;
use utoipa::ToSchema;

/// The user object of all responses, with its keys in Better Auth's order.
#[derive(Clone, Debug, Serialize, sqlx::FromRow, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthUser)]
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

impl User {
    /// Returns whether the user is banned at the moment.
    pub fn is_banned(&self) -> bool {
        self.banned == Some(true) && self.ban_expires.is_none_or(|end| end > Timestamp::now())
    }
}

/// Returns a user.
pub async fn find(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<Option<User>> {
    sqlx::query_as!(
        User,
        r#"
        select
            name, email, "emailVerified" as email_verified, image,
            "createdAt" as "created_at: Timestamp", "updatedAt" as "updated_at: Timestamp",
            role, banned, "banReason" as ban_reason, "banExpires" as "ban_expires: Timestamp", id
        from "user"
        where id = $1
        "#,
        id,
    )
    .fetch_optional(db)
    .await
}

/// Changes the name and the image. A field that is `None` keeps its value.
#[expect(
    clippy::option_option,
    reason = "a missing field, null and a text are three things"
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

/// Locks the user: other transactions that do the same wait until this one ends.
pub async fn lock(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<()> {
    sqlx::query!(r#"select id from "user" where id = $1 for update"#, id)
        .fetch_optional(db)
        .await?;
    Ok(())
}
