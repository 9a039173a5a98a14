//! Finds and repairs counters that differ from the rows that they count.

use sqlx::{AssertSqlSafe, Connection as _, FromRow, PgConnection};

/// A column that counts rows of another table.
struct Counter {
    table: &'static str,
    column: &'static str,
    /// Query that counts the rows: its column `id` names a row of `table`, and its column `n` is the count.
    rows: &'static str,
}

const COUNTERS: [Counter; 5] = [
    Counter {
        table: "projects",
        column: "likeCount",
        rows: r#"select "projectId" as id, count(*) as n from likes group by 1"#,
    },
    Counter {
        table: "projects",
        column: "commentCount",
        rows: r#"
            select "projectId" as id, count(*) as n
            from comments
            join "user" on "user".id = "authorId"
            where "isActive" and not coalesce(banned, false)
            group by 1
        "#,
    },
    Counter {
        table: "user",
        column: "projectsCount",
        rows: r#"select "authorId" as id, count(*) as n from projects where "isPublic" group by 1"#,
    },
    Counter {
        table: "user",
        column: "followersCount",
        rows: r#"select "followingId" as id, count(*) as n from follows group by 1"#,
    },
    Counter {
        table: "user",
        column: "followingCount",
        rows: r#"select "followerId" as id, count(*) as n from follows group by 1"#,
    },
];

/// A counter that was repaired.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Repair {
    pub table: String,
    pub column: String,
    /// The row of `table`, or the tag or language.
    pub id: String,
    /// The value before the repair.
    pub stored: i32,
    /// The value after the repair.
    pub counted: i32,
}

/// Repairs all counters and returns the repairs. Other clients may use the database meanwhile. Like the migrations, it
/// leaves no prepared statement in the server connection of a pooler.
pub async fn run(db: &mut PgConnection) -> sqlx::Result<Vec<Repair>> {
    let mut repairs = Vec::new();
    for counter in &COUNTERS {
        repairs.extend(counter.repair(db).await?);
    }
    repairs.extend(repair_facets(db).await?);
    repairs.extend(repair_user_facets(db).await?);
    repairs.extend(repair_trends(db).await?);
    repairs.extend(repair_visible_totals(db).await?);
    Ok(repairs)
}

/// Common table expressions. `drift` has each tag and language whose stored counts differ from those of the public projects
/// of active users. A repair reports one of the counts.
const FACETS: &str = r#"
    with counted as (
        select counted.* from "windowClock" cross join lateral counted_facets(until) counted
    ),
    drift as (
        select
            coalesce(counted."isTag", stored."isTag") as "isTag",
            coalesce(counted.name, stored.name) as name,
            counted,
            wrong."column",
            wrong.kept as stored,
            wrong.n as count
        from "projectFacet" stored
        full join counted on counted."isTag" = stored."isTag" and counted.name = stored.name
        cross join lateral (
            select *
            from (values
                (1, 'count', stored.count, counted.count),
                (2, 'day', stored.day, counted.day),
                (3, 'previousDay', stored."previousDay", counted."previousDay"),
                (4, 'week', stored.week, counted.week),
                (5, 'previousWeek', stored."previousWeek", counted."previousWeek"),
                (6, 'month', stored.month, counted.month),
                (7, 'previousMonth', stored."previousMonth", counted."previousMonth")
            ) counts (place, "column", kept, n)
            where coalesce(kept, 0) <> coalesce(n, 0)
            order by place
            limit 1
        ) wrong
    )
"#;

/// Repairs the counts of tags and languages. A new name has no row that could be locked, so the whole table is locked
/// against writes. It is locked only if there is something to repair.
async fn repair_facets(db: &mut PgConnection) -> sqlx::Result<Vec<Repair>> {
    let suspect = AssertSqlSafe(format!("{FACETS} select exists (select from drift)"));
    let mut tx = db.begin().await?;
    let is_wrong: bool = sqlx::query_scalar(suspect)
        .persistent(false)
        .fetch_one(&mut *tx)
        .await?;
    if !is_wrong {
        return Ok(Vec::new());
    }
    sqlx::raw_sql(r#"lock table "projectFacet" in share row exclusive mode"#)
        .execute(&mut *tx)
        .await?;
    let repair = AssertSqlSafe(format!(
        r#"
        {FACETS},
        removed as (
            delete from "projectFacet" stored
            using drift
            where stored."isTag" = drift."isTag" and stored.name = drift.name and drift.counted is null
        ),
        repaired as (
            insert into "projectFacet" (
                "isTag", name, count, day, "previousDay", week, "previousWeek", month, "previousMonth"
            )
            select (counted).*
            from drift
            where counted is not null
            on conflict ("isTag", name) do update
            set count = excluded.count,
                day = excluded.day, "previousDay" = excluded."previousDay",
                week = excluded.week, "previousWeek" = excluded."previousWeek",
                month = excluded.month, "previousMonth" = excluded."previousMonth"
        )
        select
            'projectFacet' as "table",
            "column",
            case when "isTag" then 'tag ' else 'language ' end || name as id,
            coalesce(stored, 0)::integer as stored,
            coalesce(count, 0)::integer as counted
        from drift
        order by "isTag", name
        "#
    ));
    let repairs = sqlx::query_as(repair)
        .persistent(false)
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(repairs)
}

/// Repairs the counts of skills and locations, as those of tags and languages.
async fn repair_user_facets(db: &mut PgConnection) -> sqlx::Result<Vec<Repair>> {
    const DRIFT: &str = r#"
        with drift as (
            select "isSkill", name, coalesce(stored.count, 0) as stored, coalesce(counted.count, 0) as counted
            from "userFacet" stored
            full join counted_user_facets() counted using ("isSkill", name)
            where coalesce(stored.count, 0) <> coalesce(counted.count, 0)
        )
    "#;
    let mut tx = db.begin().await?;
    let suspect = AssertSqlSafe(format!("{DRIFT} select exists (select from drift)"));
    let is_wrong: bool = sqlx::query_scalar(suspect)
        .persistent(false)
        .fetch_one(&mut *tx)
        .await?;
    if !is_wrong {
        return Ok(Vec::new());
    }
    sqlx::raw_sql(r#"lock table "userFacet" in share row exclusive mode"#)
        .execute(&mut *tx)
        .await?;
    let repair = AssertSqlSafe(format!(
        r#"
        {DRIFT},
        removed as (
            delete from "userFacet" stored
            using drift
            where stored."isSkill" = drift."isSkill" and stored.name = drift.name and drift.counted = 0
        ),
        repaired as (
            insert into "userFacet" ("isSkill", name, count)
            select "isSkill", name, counted from drift where counted > 0
            on conflict ("isSkill", name) do update set count = excluded.count
        )
        select
            'userFacet' as "table",
            'count' as "column",
            case when "isSkill" then 'skill ' else 'location ' end || name as id,
            stored::integer,
            counted::integer
        from drift
        order by "isSkill", name
        "#
    ));
    let repairs = sqlx::query_as(repair)
        .persistent(false)
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(repairs)
}

/// Repairs the scores of `sort=trending`. A repair reports one of the scores of a project.
async fn repair_trends(db: &mut PgConnection) -> sqlx::Result<Vec<Repair>> {
    let mut tx = db.begin().await?;
    let drift = r#"
        select 'projectTrend' as "table", wrong."column", project."projectId" as id, wrong.stored, wrong.counted
        from (select until from "windowClock") clock
        cross join lateral (
            select coalesce(stored."projectId", counted."projectId") as "projectId", stored, counted
            from "projectTrend" stored
            full join counted_trends(null, clock.until) counted on counted."projectId" = stored."projectId"
        ) project
        cross join lateral (
            select "column", coalesce(stored, 0) as stored, coalesce(counted, 0) as counted
            from (values
                (1, 'month', (project.stored).month, (project.counted).month),
                (2, 'week', (project.stored).week, (project.counted).week),
                (3, 'day', (project.stored).day, (project.counted).day)
            ) score (place, "column", stored, counted)
            where coalesce(stored, 0) <> coalesce(counted, 0)
            order by place
            limit 1
        ) wrong
        order by id
    "#;
    let repairs: Vec<Repair> = sqlx::query_as(drift)
        .persistent(false)
        .fetch_all(&mut *tx)
        .await?;
    let projects: Vec<&str> = repairs.iter().map(|repair| repair.id.as_str()).collect();
    sqlx::query("select recount_trends($1)")
        .bind(projects)
        .persistent(false)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(repairs)
}

/// Repairs the totals of `/stats`. Nothing is locked: the function adds the difference in one statement.
async fn repair_visible_totals(db: &mut PgConnection) -> sqlx::Result<Vec<Repair>> {
    sqlx::query_as(
        r#"
        with corrected as materialized (
            select * from correct_visible_totals()
        )
        select 'visibleTotal' as "table", "column", '' as id, stored::integer, (stored + missing)::integer as counted
        from corrected
        cross join (
            select sum(users) as users, sum(projects) as projects, sum(comments) as comments, sum(likes) as likes
            from "visibleTotal"
        ) kept
        cross join lateral (values
            ('users', coalesce(kept.users, 0), corrected.users),
            ('projects', coalesce(kept.projects, 0), corrected.projects),
            ('comments', coalesce(kept.comments, 0), corrected.comments),
            ('likes', coalesce(kept.likes, 0), corrected.likes)
        ) as total ("column", stored, missing)
        where missing <> 0
        "#,
    )
    .persistent(false)
    .fetch_all(db)
    .await
}

impl Counter {
    /// Repairs one counter. A counter changes in the same transaction as the row that it counts. Therefore a statement that
    /// starts after the row of the counter is locked sees a counter and rows of the same state.
    async fn repair(&self, db: &mut PgConnection) -> sqlx::Result<Vec<Repair>> {
        let Self {
            table,
            column,
            rows,
        } = self;
        let mut tx = db.begin().await?;

        // The statement consists of the constants above.
        let lock = AssertSqlSafe(format!(
            r#"
            select counter.id
            from "{table}" as counter
            left join ({rows}) as counted using (id)
            where "{column}" <> coalesce(n, 0)
            order by counter.id
            for no key update of counter
            "#
        ));
        let suspects: Vec<String> = sqlx::query_scalar(lock)
            .persistent(false)
            .fetch_all(&mut *tx)
            .await?;

        let repair = AssertSqlSafe(format!(
            r#"
            with drift as (
                select counter.id, "{column}" as stored, coalesce(n, 0)::integer as counted
                from "{table}" as counter
                left join ({rows}) as counted using (id)
                where counter.id = any ($1)
            )
            update "{table}"
            set "{column}" = counted
            from drift
            where "{table}".id = drift.id and stored <> counted
            returning '{table}' as "table", '{column}' as "column", drift.id, stored, counted
            "#
        ));
        let repairs = sqlx::query_as(repair)
            .bind(suspects)
            .persistent(false)
            .fetch_all(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(repairs)
    }
}
