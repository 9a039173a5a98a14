//! Statements of admins on users and their sessions.

use shared::{random, time::Timestamp};
use sqlx::{PgExecutor, Postgres, QueryBuilder};

use super::{session::Session, user::User};

/// Changes of a user by an admin. A field that is `None` keeps its value, or gets its default.
#[expect(
    clippy::option_option,
    reason = "a missing field, null and a value are three things"
)]
#[derive(Debug, Default)]
pub struct UserChanges {
    pub name: Option<String>,
    /// In lower case.
    pub email: Option<String>,
    pub email_verified: Option<bool>,
    pub image: Option<Option<String>>,
    pub role: Option<String>,
    pub banned: Option<bool>,
    pub ban_reason: Option<Option<String>>,
    pub ban_expires: Option<Option<Timestamp>>,
    pub is_active: Option<bool>,
    pub is_pro: Option<bool>,
}

/// Changes a user. Returns `None` if the user does not exist. Fails on a unique index if the address is taken.
pub async fn update_user(
    db: impl PgExecutor<'_>,
    id: &str,
    changes: &UserChanges,
) -> sqlx::Result<Option<User>> {
    sqlx::query_as!(
        User,
        r#"
        update "user"
        set name = coalesce($2, name),
            email = coalesce($3, email),
            "emailVerified" = coalesce($4, "emailVerified"),
            image = case when $5 then $6 else image end,
            role = coalesce($7, role),
            banned = coalesce($8, banned),
            "banReason" = case when $9 then $10 else "banReason" end,
            "banExpires" = case when $11 then $12 else "banExpires" end,
            "isActive" = coalesce($13, "isActive"),
            "isPro" = coalesce($14, "isPro"),
            "updatedAt" = now() at time zone 'utc'
        where id = $1
        returning
            name, email, "emailVerified" as email_verified, image,
            "createdAt" as "created_at: Timestamp", "updatedAt" as "updated_at: Timestamp",
            role, banned, "banReason" as ban_reason, "banExpires" as "ban_expires: Timestamp", id
        "#,
        id,
        changes.name,
        changes.email,
        changes.email_verified,
        changes.image.is_some(),
        changes.image.as_ref().and_then(Option::as_deref),
        changes.role,
        changes.banned,
        changes.ban_reason.is_some(),
        changes.ban_reason.as_ref().and_then(Option::as_deref),
        changes.ban_expires.is_some(),
        changes.ban_expires.flatten().map(|time| time.0),
        changes.is_active,
        changes.is_pro,
    )
    .fetch_optional(db)
    .await
}

/// Inserts a user, with an account for the password's hash if there is one. Fails on a unique index if the address is taken.
pub async fn insert_user(
    db: impl PgExecutor<'_>,
    user: &UserChanges,
    password_hash: Option<&str>,
) -> sqlx::Result<User> {
    sqlx::query_as!(
        User,
        r#"
        with made as (
            insert into "user" (
                id, name, email, "emailVerified", image, role, banned, "banReason", "banExpires",
                "isActive", "isPro", skills, "createdAt", "updatedAt"
            )
            values (
                $1, coalesce($2, ''), $3, coalesce($4, false), $5, coalesce($6, 'user'), coalesce($7, false), $8, $9,
                coalesce($10, true), coalesce($11, false), '{}', now() at time zone 'utc', now() at time zone 'utc'
            )
            returning *
        ),
        credential as (
            insert into account (id, "accountId", "providerId", "userId", password, "createdAt", "updatedAt")
            select $12, id, 'credential', id, $13, "createdAt", "updatedAt"
            from made
            where $13::text is not null
        )
        select
            name, email, "emailVerified" as email_verified, image,
            "createdAt" as "created_at: Timestamp", "updatedAt" as "updated_at: Timestamp",
            role, banned, "banReason" as ban_reason, "banExpires" as "ban_expires: Timestamp", id
        from made
        "#,
        random::id(),
        user.name,
        user.email,
        user.email_verified,
        user.image.as_ref().and_then(Option::as_deref),
        user.role,
        user.banned,
        user.ban_reason.as_ref().and_then(Option::as_deref),
        user.ban_expires.flatten().map(|time| time.0),
        user.is_active,
        user.is_pro,
        random::id(),
        password_hash,
    )
    .fetch_one(db)
    .await
}

/// Stores a password's hash. The caller has locked the user. Does nothing if the user does not exist.
pub async fn upsert_password(
    db: impl PgExecutor<'_>,
    user_id: &str,
    password_hash: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        with updated as (
            update account
            set password = $2, "updatedAt" = now() at time zone 'utc'
            where "userId" = $1 and "providerId" = 'credential'
            returning id
        )
        insert into account (id, "accountId", "providerId", "userId", password, "createdAt", "updatedAt")
        select $3, id, 'credential', id, $2, now() at time zone 'utc', now() at time zone 'utc'
        from "user"
        where id = $1 and not exists (select from updated)
        "#,
        user_id,
        password_hash,
        random::id(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a user, their rows, and their part in the counters of others. The account of a user with many rows is closed, and
/// its rows are deleted by [`continue_account_work`]. Returns `false` if the user does not exist.
pub async fn delete_user(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<bool> {
    // sqlx treats the result of a function as nullable.
    sqlx::query_scalar!(r#"select delete_account($1) as "deleted!""#, id)
        .fetch_one(db)
        .await
}

/// Maximum number of rows that one step changes.
const STEP_ROWS: i32 = 1000;

/// Does one step of the work that a ban or a deletion has left. Returns whether there was any.
pub async fn continue_account_work(db: impl PgExecutor<'_>) -> sqlx::Result<bool> {
    // sqlx treats the result of a function as nullable.
    sqlx::query_scalar!(r#"select continue_account_work($1) as "more!""#, STEP_ROWS)
        .fetch_one(db)
        .await
}

/// Returns a user's sessions, including expired ones and those of admins who impersonate the user.
pub async fn list_sessions(db: impl PgExecutor<'_>, user_id: &str) -> sqlx::Result<Vec<Session>> {
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
        where "userId" = $1
        order by "createdAt" desc, id
        limit 1000
        "#,
        user_id,
    )
    .fetch_all(db)
    .await
}

/// Deletes the session of a token and the sessions in which its user impersonates others. Returns the user.
pub async fn delete_session(db: impl PgExecutor<'_>, token: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"
        with ended as (
            delete from session where token = $1 returning "userId"
        ),
        impersonations as (
            delete from session s using ended where s."impersonatedBy" = ended."userId"
        )
        select "userId" from ended
        "#,
        token,
    )
    .fetch_optional(db)
    .await
}

/// A column by which users are filtered and sorted.
#[derive(Debug, PartialEq, Eq)]
pub struct UserColumn {
    /// Its name in requests.
    pub name: &'static str,
    pub kind: ColumnType,
    sql: &'static str,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    Text,
    Flag,
    Time,
}

const COLUMNS: [UserColumn; 13] = [
    UserColumn::new("id", ColumnType::Text, "u.id"),
    UserColumn::new("name", ColumnType::Text, "u.name"),
    UserColumn::new("email", ColumnType::Text, "u.email"),
    UserColumn::new("emailVerified", ColumnType::Flag, r#"u."emailVerified""#),
    UserColumn::new("image", ColumnType::Text, "u.image"),
    UserColumn::new("createdAt", ColumnType::Time, r#"u."createdAt""#),
    UserColumn::new("updatedAt", ColumnType::Time, r#"u."updatedAt""#),
    UserColumn::new("role", ColumnType::Text, "u.role"),
    UserColumn::new("banned", ColumnType::Flag, "u.banned"),
    UserColumn::new("banReason", ColumnType::Text, r#"u."banReason""#),
    UserColumn::new("banExpires", ColumnType::Time, r#"u."banExpires""#),
    UserColumn::new("isActive", ColumnType::Flag, r#"u."isActive""#),
    UserColumn::new("isPro", ColumnType::Flag, r#"u."isPro""#),
];

impl UserColumn {
    const fn new(name: &'static str, kind: ColumnType, sql: &'static str) -> Self {
        Self { name, kind, sql }
    }

    /// Returns the column of that name in requests.
    pub fn find(name: &str) -> Option<&'static Self> {
        COLUMNS.iter().find(|column| column.name == name)
    }
}

/// A comparison of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterOperator {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
    In,
    NotIn,
    Contains,
    StartsWith,
    EndsWith,
}

/// The value that a column is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterValue {
    Text(String),
    Texts(Vec<String>),
    Flag(bool),
    Time(Timestamp),
    Times(Vec<Timestamp>),
}

/// One condition on users.
#[derive(Clone, Debug)]
pub struct UserFilter {
    pub column: &'static UserColumn,
    pub operator: FilterOperator,
    pub operand: FilterValue,
}

impl UserFilter {
    fn push_to(&self, sql: &mut QueryBuilder<Postgres>) {
        let column = self.column.sql;
        let (before, after) = match self.operator {
            FilterOperator::Eq => (" = ", ""),
            FilterOperator::Ne => (" <> ", ""),
            FilterOperator::Lt => (" < ", ""),
            FilterOperator::Lte => (" <= ", ""),
            FilterOperator::Gt => (" > ", ""),
            FilterOperator::Gte => (" >= ", ""),
            FilterOperator::In => (" = any(", ")"),
            FilterOperator::NotIn => (" <> all(", ")"),
            FilterOperator::Contains => {
                sql.push("position(");
                self.push_operand(sql);
                sql.push(" in ").push(column).push(") > 0");
                return;
            }
            FilterOperator::StartsWith => {
                sql.push("starts_with(").push(column).push(", ");
                self.push_operand(sql);
                sql.push(")");
                return;
            }
            FilterOperator::EndsWith => {
                sql.push("right(").push(column).push(", length(");
                self.push_operand(sql);
                sql.push("))");
                (" = ", "")
            }
        };
        if self.operator != FilterOperator::EndsWith {
            sql.push(column);
        }
        sql.push(before);
        self.push_operand(sql);
        sql.push(after);
    }

    fn push_operand(&self, sql: &mut QueryBuilder<Postgres>) {
        match self.operand.clone() {
            FilterValue::Text(text) => sql.push_bind(text),
            FilterValue::Texts(texts) => sql.push_bind(texts),
            FilterValue::Flag(flag) => sql.push_bind(flag),
            FilterValue::Time(time) => sql.push_bind(time.0),
            FilterValue::Times(times) => {
                let times: Vec<_> = times.into_iter().map(|time| time.0).collect();
                sql.push_bind(times)
            }
        };
    }
}

fn push_conditions(sql: &mut QueryBuilder<Postgres>, conditions: &[UserFilter]) {
    for (index, condition) in conditions.iter().enumerate() {
        sql.push(if index == 0 { " where " } else { " and " });
        condition.push_to(sql);
    }
}

/// A page of the users, and its order.
#[derive(Debug)]
pub struct UserPage {
    pub sort_by: Option<&'static UserColumn>,
    pub descending: bool,
    pub limit: i64,
    pub offset: i64,
}

/// Returns the users that meet all conditions; the oldest first by default.
pub async fn list_users(
    db: impl PgExecutor<'_>,
    conditions: &[UserFilter],
    part: &UserPage,
) -> sqlx::Result<Vec<User>> {
    let mut sql = QueryBuilder::new(
        r#"
        select
            u.name, u.email, u."emailVerified" as email_verified, u.image,
            u."createdAt" as created_at, u."updatedAt" as updated_at,
            u.role, u.banned, u."banReason" as ban_reason, u."banExpires" as ban_expires, u.id
        from "user" u"#,
    );
    push_conditions(&mut sql, conditions);
    let column = part.sort_by.map_or(r#"u."createdAt""#, |column| column.sql);
    let direction = if part.descending { " desc" } else { " asc" };
    sql.push(" order by ").push(column).push(direction);
    sql.push(", u.id").push(direction);
    sql.push(" limit ").push_bind(part.limit);
    sql.push(" offset ").push_bind(part.offset);
    sql.build_query_as().fetch_all(db).await
}

/// Returns the number of users that meet all conditions.
pub async fn count_users(db: impl PgExecutor<'_>, conditions: &[UserFilter]) -> sqlx::Result<i64> {
    let mut sql = QueryBuilder::new(r#"select count(*) from "user" u"#);
    push_conditions(&mut sql, conditions);
    sql.build_query_scalar().fetch_one(db).await
}
