//! Contributions: the projects and comments of a user, by day.

use chrono::NaiveDate;
use sqlx::PgExecutor;

/// Lists the days on which a visible user published a project or commented on a public project, oldest first, with the
/// number of these projects and comments. Returns `None` if the user does not exist or is not visible.
pub async fn find_contributions(
    db: impl PgExecutor<'_>,
    id: &str,
    from: NaiveDate,
    to: NaiveDate,
) -> sqlx::Result<Option<Vec<(NaiveDate, i64)>>> {
    // A user without contributions has one row, with a null date.
    let rows = sqlx::query!(
        r#"
        select day.date as "date?", coalesce(day.count, 0) as "count!"
        from "user" u
        left join lateral (
            select contribution."createdAt"::date as date, count(*) as count
            from (
                select p."createdAt"
                from projects p
                where p."authorId" = u.id and p."isPublic"
                    and p."createdAt" >= $2::date and p."createdAt" < $3::date + 1
                union all
                select c."createdAt"
                from comments c
                join projects p on p.id = c."projectId"
                where c."authorId" = u.id and p."isPublic"
                    and c."createdAt" >= $2::date and c."createdAt" < $3::date + 1
            ) contribution
            group by contribution."createdAt"::date
        ) day on true
        where u.id = $1 and is_visible(u)
        order by day.date
        "#,
        id,
        from,
        to,
    )
    .fetch_all(db)
    .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let days = rows.into_iter();
    Ok(Some(
        days.filter_map(|row| Some((row.date?, row.count)))
            .collect(),
    ))
}
