//! The migrations, on every kind of database that they support or reject.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod empty;
mod failing;
mod former;
mod hand_made;
mod live;
mod plain_statements;
mod prisma;
mod refused;
mod truncated;

use migrations::{Options, Outcome};
use sqlx::{AssertSqlSafe, PgPool};

/// A database that Prisma made and the Node application filled.
const PRISMA: &str = include_str!("fixtures/prisma.sql");

/// A database whose tables for Better Auth came from a script.
const HAND_MADE: &str = include_str!("fixtures/hand_made.sql");

/// Applies the migrations as the deployed function does.
async fn migrate(db: &PgPool) -> anyhow::Result<Outcome> {
    let mut quiet = |_| {};
    let database = db.connect_options();
    let options = Options::new(&database, &mut quiet);
    migrations::run(&migrations::migrator(), options).await
}

async fn execute(db: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(db).await.unwrap();
}

/// Describes the schema with one line per object, independent of the order of creation.
async fn schema(db: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "
        select line from (
            select format('column %I.%I %s %s %s %s', relname, attname, format_type(atttypid, atttypmod),
                case when attnotnull then 'not null' end, pg_get_expr(adbin, adrelid), attgenerated)
            from pg_attribute
            join pg_class on pg_class.oid = attrelid
            left join pg_attrdef on adrelid = attrelid and adnum = attnum
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and attnum > 0 and not attisdropped
            union all
            select format('table %I %s %s %s', relname, relkind, relpersistence, reloptions)
            from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')
            union all
            select indexdef from pg_indexes where schemaname = 'public'
            union all
            select format('invalid index %s', indexrelid::regclass) from pg_index where not indisvalid
            union all
            select pg_get_statisticsobjdef(oid) from pg_statistic_ext where stxnamespace = 'public'::regnamespace
            union all
            select format('constraint %I of %s: %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
            from pg_constraint
            where connamespace = 'public'::regnamespace
            union all
            select format('%s: %s', pg_get_triggerdef(oid), tgenabled) from pg_trigger where not tgisinternal
            union all
            select format('function %s: %s', oid::regprocedure, prosrc)
            from pg_proc
            where pronamespace = 'public'::regnamespace and not exists (
                select from pg_depend where objid = pg_proc.oid and deptype = 'e'
            )
            union all
            select format('enum %s %s', enumtypid::regtype, string_agg(enumlabel, ',' order by enumsortorder))
            from pg_enum
            group by enumtypid
        ) as described (line)
        where line !~ '_prisma_migrations'
        order by line
        ",
    )
    .fetch_all(db)
    .await
    .unwrap()
}

/// Returns the columns of every table.
async fn columns(db: &PgPool) -> Vec<(String, Vec<String>)> {
    sqlx::query_as(
        "select table_name::text, array_agg(column_name::text order by column_name::text) from information_schema.columns \
         where table_schema = 'public' group by 1 order by 1",
    )
    .fetch_all(db)
    .await
    .unwrap()
}

/// Returns all rows of these columns as text.
async fn rows(db: &PgPool, columns: &[(String, Vec<String>)]) -> Vec<String> {
    let mut rows = Vec::new();
    for (table, columns) in columns {
        let sql = format!(
            r#"select format('%s: %s', '{table}', row("{}")) from "{table}" order by 1"#,
            columns.join(r#"", ""#)
        );
        let of_table: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(db)
            .await
            .unwrap();
        rows.extend(of_table);
    }
    rows
}
