//! Rows of `session`.

use serde::Serialize;
use shared::{
    db::Db,
    http::{SESSION_LIFETIME, SESSION_UPDATE_AGE},
    random,
    time::Timestamp,
};
use sqlx::PgExecutor;
use utoipa::ToSchema;

use super::user::User;

/// The session object of all responses, with its keys in Better Auth's order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthSession)]
pub struct Session {
    pub expires_at: Timestamp,
    pub token: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    pub user_id: String,
    pub impersonated_by: Option<String>,
    pub id: String,
}

/// The result of looking up a session by its token.
pub enum SessionLookup {
    /// The session is active.
    Active(Box<ActiveSession>),
    /// The session had expired, and its row is deleted.
    Expired,
    /// The session was due to be refreshed, and was deleted at the same time.
    Vanished,
}

/// An active session and its user.
pub struct ActiveSession {
    pub session: Session,
    pub user: User,
    /// Whether this lookup has extended the session.
    pub refreshed: bool,
}

/// Returns the session of a token. If it is due and allowed to be refreshed, or has expired, a second statement extends or
/// deletes it: most requests write nothing. An impersonated session is never extended.
pub async fn find(db: &Db, token: &str, may_refresh: bool) -> sqlx::Result<Option<SessionLookup>> {
    let Some(SessionRow {
        mut active,
        expired,
        due,
        read_only,
    }) = select(db, token).await?
    else {
        return Ok(None);
    };
    if expired {
        if !read_only {
            delete_expired(db, token).await?;
        }
        return Ok(Some(SessionLookup::Expired));
    }
    if due && may_refresh && !read_only {
        let Some(extended) = extend(db, token).await? else {
            return Ok(Some(SessionLookup::Vanished));
        };
        active.session.expires_at = extended.expires_at;
        active.session.updated_at = extended.updated_at;
        active.refreshed = true;
    }
    Ok(Some(SessionLookup::Active(Box::new(active))))
}

struct SessionRow {
    active: ActiveSession,
    expired: bool,
    /// The session is old enough to be extended.
    due: bool,
    /// The database accepts no writes.
    read_only: bool,
}

async fn select(db: &Db, token: &str) -> sqlx::Result<Option<SessionRow>> {
    let row = sqlx::query!(
        r#"
        select
            s.id, s.token, s."userId" as user_id, s."ipAddress" as ip_address, s."userAgent" as user_agent,
            s."impersonatedBy" as impersonated_by,
            s."expiresAt" as "expires_at: Timestamp",
            s."updatedAt" as "updated_at: Timestamp",
            s."createdAt" as "created_at: Timestamp",
            s."expiresAt" < now() at time zone 'utc' as "expired!",
            s."impersonatedBy" is null
                and s."expiresAt" <= now() at time zone 'utc' + make_interval(secs => $2::float8 - $3::float8) as "due!",
            current_setting('transaction_read_only') = 'on' as "read_only!",
            u.name, u.email, u."emailVerified" as email_verified, u.image, u.role, u.banned,
            u."banReason" as ban_reason, u."banExpires" as "ban_expires: Timestamp",
            u."createdAt" as "user_created_at: Timestamp", u."updatedAt" as "user_updated_at: Timestamp"
        from session s
        join "user" u on u.id = s."userId"
        where s.token = $1
        "#,
        token,
        f64::from(SESSION_LIFETIME),
        f64::from(SESSION_UPDATE_AGE),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| SessionRow {
        expired: row.expired,
        due: row.due,
        read_only: row.read_only,
        active: ActiveSession {
            refreshed: false,
            user: User {
                name: row.name,
                email: row.email,
                email_verified: row.email_verified,
                image: row.image,
                created_at: row.user_created_at,
                updated_at: row.user_updated_at,
                role: row.role,
                banned: row.banned,
                ban_reason: row.ban_reason,
                ban_expires: row.ban_expires,
                id: row.user_id.clone(),
            },
            session: Session {
                expires_at: row.expires_at,
                token: row.token,
                created_at: row.created_at,
                updated_at: row.updated_at,
                ip_address: row.ip_address,
                user_agent: row.user_agent,
                user_id: row.user_id,
                impersonated_by: row.impersonated_by,
                id: row.id,
            },
        },
    }))
}

struct ExtendedSession {
    expires_at: Timestamp,
    updated_at: Timestamp,
}

/// Extends a session. Returns `None` if it was deleted meanwhile.
async fn extend(db: &Db, token: &str) -> sqlx::Result<Option<ExtendedSession>> {
    sqlx::query_as!(
        ExtendedSession,
        r#"
        update session
        set "expiresAt" = now() at time zone 'utc' + make_interval(secs => $2::float8),
            "updatedAt" = now() at time zone 'utc'
        where token = $1
        returning "expiresAt" as "expires_at: Timestamp", "updatedAt" as "updated_at: Timestamp"
        "#,
        token,
        f64::from(SESSION_LIFETIME),
    )
    .fetch_optional(db)
    .await
}

async fn delete_expired(db: &Db, token: &str) -> sqlx::Result<()> {
    sqlx::query!(
        r#"delete from session where token = $1 and "expiresAt" < now() at time zone 'utc'"#,
        token,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A session to insert.
pub struct NewSession<'a> {
    pub user_id: &'a str,
    /// The client's address in the stored form: empty if there is none.
    pub ip_address: &'a str,
    /// The `User-Agent` header, or an empty text.
    pub user_agent: &'a str,
    /// The admin who impersonates the user. Such a session expires after an hour.
    pub impersonated_by: Option<Impersonator<'a>>,
}

/// An admin who impersonates a user.
#[derive(Clone, Copy)]
pub struct Impersonator<'a> {
    pub id: &'a str,
    /// The roles with which the admin was authorized.
    pub role: Option<&'a str>,
}

/// Lifetime of an impersonated session, in seconds (Better Auth's admin plugin 1.7:
/// `impersonationSessionDuration`).
const IMPERSONATION_LIFETIME: f64 = 3600.0;

/// The result of creating a session.
pub enum SessionCreation {
    /// The session's token and its user.
    Created(String, Box<User>),
    /// The user is banned.
    Banned,
    /// The admin who impersonates the user was demoted, banned or deleted at the same time.
    NoImpersonator,
}

/// Creates a session. A ban prevents it; an expired ban is lifted. Returns `None` if the user does not exist.
pub async fn insert(
    db: impl PgExecutor<'_>,
    session: &NewSession<'_>,
) -> sqlx::Result<Option<SessionCreation>> {
    let token = random::id();
    let row = sqlx::query!(
        r#"
        with owner as (
            select
                id,
                coalesce(banned, false) as banned,
                coalesce(banned, false) and "banExpires" < now() at time zone 'utc' is true as over
            from "user"
            where id = $1
            -- A concurrent ban either commits first, or waits for this session and deletes it.
            for no key update
        ),
        impersonator as (
            select id
            from "user"
            where id = $7 and role is not distinct from $8 and not coalesce(banned, false)
            -- A concurrent demotion or ban either commits first, or waits for this session and deletes it.
            for share
        ),
        lifted as (
            update "user" u
            set banned = false, "banReason" = null, "banExpires" = null,
                "updatedAt" = now() at time zone 'utc'
            from owner
            where u.id = owner.id and owner.over
            returning u."updatedAt"
        ),
        made as (
            insert into session (
                id, token, "userId", "expiresAt", "createdAt", "updatedAt", "ipAddress", "userAgent",
                "impersonatedBy"
            )
            select
                $2, $3, id, now() at time zone 'utc' + make_interval(secs => $6),
                now() at time zone 'utc', now() at time zone 'utc', $4, $5, $7
            from owner
            where (not banned or over) and ($7::text is null or exists (select from impersonator))
            returning id
        )
        select
            exists (select from made) as "made!",
            owner.banned and not owner.over as "prevented!",
            u.id, u.name, u.email, u."emailVerified" as email_verified, u.image, u.role,
            case when owner.over then false else u.banned end as banned,
            case when owner.over then null else u."banReason" end as ban_reason,
            case when owner.over then null else u."banExpires" end as "ban_expires: Timestamp",
            u."createdAt" as "created_at: Timestamp",
            coalesce(lifted."updatedAt", u."updatedAt") as "updated_at!: Timestamp"
        from owner
        join "user" u on u.id = owner.id
        left join lifted on true
        "#,
        session.user_id,
        random::id(),
        token,
        session.ip_address,
        session.user_agent,
        match session.impersonated_by {
            Some(_) => IMPERSONATION_LIFETIME,
            None => f64::from(SESSION_LIFETIME),
        },
        session.impersonated_by.map(|admin| admin.id),
        session.impersonated_by.and_then(|admin| admin.role),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| {
        if row.prevented {
            return SessionCreation::Banned;
        }
        if !row.made {
            return SessionCreation::NoImpersonator;
        }
        let user = User {
            name: row.name,
            email: row.email,
            email_verified: row.email_verified,
            image: row.image,
            created_at: row.created_at,
            updated_at: row.updated_at,
            role: row.role,
            banned: row.banned,
            ban_reason: row.ban_reason,
            ban_expires: row.ban_expires,
            id: row.id,
        };
        SessionCreation::Created(token, Box::new(user))
    }))
}

/// Returns a user's sessions that have not expired, without those of admins who impersonate the user.
pub async fn list(db: impl PgExecutor<'_>, user_id: &str) -> sqlx::Result<Vec<Session>> {
    sqlx::query_as!(
        Session,
        r#"
        select
            id, token, "userId" as user_id, "ipAddress" as ip_address, "userAgent" as user_agent,
            "impersonatedBy" as impersonated_by,
            "expiresAt" as "expires_at: Timestamp",
            "createdAt" as "created_at: Timestamp",
            "updatedAt" as "updated_at: Timestamp"
        from session
        where "userId" = $1 and "expiresAt" > now() at time zone 'utc' and "impersonatedBy" is null
        order by "createdAt" desc, id
        limit 1000
        "#,
        user_id,
    )
    .fetch_all(db)
    .await
}

/// Returns whether a user's session is active, and is the user's own.
pub async fn is_active(db: impl PgExecutor<'_>, id: &str, user_id: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"
        select exists (
            select from session
            where id = $1 and "userId" = $2 and "expiresAt" > now() at time zone 'utc' and "impersonatedBy" is null
        ) as "active!"
        "#,
        id,
        user_id,
    )
    .fetch_one(db)
    .await
}

/// Deletes the session of a token, and the sessions in which its user impersonates others.
pub async fn delete(db: impl PgExecutor<'_>, token: &str) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        with ended as (
            delete from session where token = $1 returning "userId"
        )
        delete from session s
        using ended
        where s."impersonatedBy" = ended."userId"
        "#,
        token,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes an impersonated session when its admin returns.
pub async fn delete_impersonated(db: impl PgExecutor<'_>, token: &str) -> sqlx::Result<()> {
    sqlx::query!(
        r#"delete from session where token = $1 and "impersonatedBy" is not null"#,
        token,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes the session of a token if it is that user's, and the sessions in which the user impersonates others.
pub async fn delete_own(db: impl PgExecutor<'_>, user_id: &str, token: &str) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        with ended as (
            delete from session where "userId" = $1 and token = $2 returning "userId"
        )
        delete from session s
        using ended
        where s."impersonatedBy" = ended."userId"
        "#,
        user_id,
        token,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes all sessions of a user, and those in which the user impersonates others.
pub async fn delete_all(db: impl PgExecutor<'_>, user_id: &str) -> sqlx::Result<()> {
    sqlx::query!(
        r#"delete from session where "userId" = $1 or "impersonatedBy" = $1"#,
        user_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes all sessions of a user except one, and those in which the user impersonates others.
pub async fn delete_others(
    db: impl PgExecutor<'_>,
    user_id: &str,
    token: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"delete from session where ("userId" = $1 or "impersonatedBy" = $1) and token <> $2"#,
        user_id,
        token,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes the sessions in which an admin impersonates others.
pub async fn delete_impersonations(db: impl PgExecutor<'_>, admin_id: &str) -> sqlx::Result<()> {
    sqlx::query!(
        r#"delete from session where "impersonatedBy" = $1"#,
        admin_id,
    )
    .execute(db)
    .await?;
    Ok(())
}
