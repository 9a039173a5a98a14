//! Extends a session.

use crate::{
    http::guard::session::{REFRESH_DUE, SESSION_LIFETIME},
    state::AppState,
};

/// Extends a session that is a day old, as Better Auth does. Concurrent requests extend it once.
pub(in crate::http::guard) async fn extend_session(
    app: &AppState,
    token: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update session
        set "expiresAt" = now() at time zone 'utc' + make_interval(secs => $2::float8),
            "updatedAt" = now() at time zone 'utc'
        where token = $1
            and "impersonatedBy" is null
            and "expiresAt" > now() at time zone 'utc'
            and "expiresAt" <= now() at time zone 'utc' + make_interval(secs => $3::float8)
        "#,
        token,
        f64::from(SESSION_LIFETIME),
        REFRESH_DUE,
    )
    .execute(&app.db)
    .await?;
    Ok(())
}
