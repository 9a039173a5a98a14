//! Finds and repairs counters that differ from the rows that they count.

use sqlx::{AssertSqlSafe, Connection as _, FromRow, PgConnection};

/// A column that counts rows of another table.
struct Counter {
    table: &'static str,
    column: &'static str,
    /// Query for the `id` of each row of `table` that has rows to count, and their number `n`.
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
    Ok(repairs)
}

/// Common table expressions. `drift` has each tag and language whose stored count differs from the number of public
/// projects of active users.
const FACETS: &str = r#"
    with counted as (
        select facet."isTag", facet.name, count(*) as n
        from projects
        join "user" on "user".id = "authorId"
        cross join lateral project_facets(tags, language) as facet
        where "isPublic" and "isActive" and not coalesce(banned, false)
        group by 1, 2
    ),
    drift as (
        select "isTag", name, coalesce(count, 0) as stored, coalesce(n, 0) as counted
        from "projectFacet"
        full join counted using ("isTag", name)
        where coalesce(count, 0) <> coalesce(n, 0)
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
        repaired as (
            insert into "projectFacet" ("isTag", name, count)
            select "isTag", name, counted from drift
            on conflict ("isTag", name) do update set count = excluded.count
        )
        select
            'projectFacet' as "table",
            'count' as "column",
            case when "isTag" then 'tag ' else 'language ' end || name as id,
            stored::integer,
            counted::integer
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
