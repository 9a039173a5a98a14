//! Finds counters that differ from the rows that they count, and puts them right.

use sqlx::{AssertSqlSafe, Connection as _, FromRow, PgConnection};

/// A column that counts rows of another table.
struct Counter {
    table: &'static str,
    column: &'static str,
    /// Selects `id` and `n` of whatever has any rows.
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

/// A counter that was wrong.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Repair {
    pub table: String,
    pub column: String,
    pub id: String,
    pub stored: i32,
    pub counted: i32,
}

/// Repairs all counters while others use the database, and tells what was wrong. Like the migrations, it leaves no prepared
/// statement behind in the server connection of a pooler.
pub async fn run(db: &mut PgConnection) -> sqlx::Result<Vec<Repair>> {
    let mut repairs = Vec::new();
    for counter in &COUNTERS {
        repairs.extend(counter.repair(db).await?);
    }
    Ok(repairs)
}

impl Counter {
    /// A counter moves in the transaction of the row that it counts. So once its own row is locked, a statement that starts
    /// afterwards sees the counter and the rows as they belong together.
    async fn repair(&self, db: &mut PgConnection) -> sqlx::Result<Vec<Repair>> {
        let Self {
            table,
            column,
            rows,
        } = self;
        let mut tx = db.begin().await?;

        // Made of the constants above.
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
