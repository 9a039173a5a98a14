//! Drops indexes before rows are inserted, and builds them afterwards, which takes a fraction of the time of adding the rows one
//! by one.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::Step;

/// The steps that build the dropped indexes again, the slowest first.
pub struct Builds {
    /// Indexes of likes, comments and follows.
    pub of_acts: Vec<Step>,
    /// Indexes of projects and users.
    pub of_others: Vec<Step>,
}

/// Drops the indexes of the large tables, except those of projects and users that are unique. Stores their definitions in the
/// database, for [`finish`] and [`restore`].
pub async fn drop(db: &mut PgConnection) -> anyhow::Result<Builds> {
    let mut tx = db.begin().await?;
    sqlx::raw_sql(DROP).execute(&mut *tx).await?;
    let builds: Vec<(String, String, bool)> = sqlx::query_as(
        r#"select name, build, "table" in ('likes', 'comments', 'follows') from "seedIndex" order by place"#,
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let (of_acts, of_others): (Vec<_>, Vec<_>) =
        builds.into_iter().partition(|(_, _, is_act)| *is_act);
    let steps = |builds: Vec<(String, String, bool)>| {
        let steps = builds.into_iter();
        steps
            .map(|(name, build, _)| Step::run(format!("index {name}"), build))
            .collect()
    };
    Ok(Builds {
        of_acts: steps(of_acts),
        of_others: steps(of_others),
    })
}

/// Makes constraints of the indexes that were constraints, and deletes the stored definitions.
pub async fn finish(db: &mut PgConnection) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    sqlx::raw_sql(FINISH).execute(&mut *tx).await?;
    tx.commit().await
}

/// Builds the indexes that a run dropped and did not build again.
pub async fn restore(db: &mut PgConnection) -> sqlx::Result<()> {
    let was_interrupted: bool =
        sqlx::query_scalar(r#"select to_regclass('"seedIndex"') is not null"#)
            .fetch_one(&mut *db)
            .await?;
    if !was_interrupted {
        return Ok(());
    }
    let builds: Vec<String> = sqlx::query_scalar(
        r#"select build from "seedIndex" where to_regclass(quote_ident(name)) is null order by place"#,
    )
    .fetch_all(&mut *db)
    .await?;
    for build in builds {
        sqlx::raw_sql(AssertSqlSafe(build))
            .execute(&mut *db)
            .await?;
    }
    finish(db).await
}

const DROP: &str = r#"
    create table "seedIndex" as
    select
        indrelid::regclass::text as "table",
        index.relname::text as name,
        pg_get_indexdef(indexrelid) as build,
        format(
            'alter table %s add constraint %I %s using index %I',
            indrelid::regclass, index.relname, case con.contype when 'p' then 'primary key' else 'unique' end, index.relname
        ) as "constraint",
        con.oid is not null as "isConstraint",
        -- Those of words and lists take longest.
        row_number() over (
            order by
                pg_get_indexdef(indexrelid) like '%search_keys%' desc,
                method.amname <> 'btree' desc,
                indrelid::regclass::text in ('likes', 'projects') desc,
                index.relname
        ) as place
    from pg_index
    join pg_class index on index.oid = indexrelid
    join pg_am method on method.oid = index.relam
    left join pg_constraint con on con.conindid = indexrelid and con.contype in ('p', 'u')
    where indrelid in ('likes'::regclass, 'comments'::regclass, 'follows'::regclass)
        or indrelid in ('projects'::regclass, '"user"'::regclass) and not indisunique;

    do $$
    declare
        dropped record;
    begin
        for dropped in select * from "seedIndex" loop
            if dropped."isConstraint" then
                execute format('alter table %s drop constraint %I', dropped."table", dropped.name);
            else
                execute format('drop index %I', dropped.name);
            end if;
        end loop;
    end
    $$;
"#;

const FINISH: &str = r#"
    do $$
    declare
        built record;
    begin
        for built in
            select *
            from "seedIndex"
            where "isConstraint" and not exists (
                select from pg_constraint where conname = name and conrelid = "table"::regclass
            )
        loop
            execute built."constraint";
        end loop;
    end
    $$;
    drop table "seedIndex";
"#;
