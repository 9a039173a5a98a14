//! The counters of requests whose caller need not be found.

use super::policies::window;
use crate::state::AppState;

/// A counter: its key, and the length of its window in seconds.
pub(in crate::http::guard) type Counter = (String, u32);

/// Adds to each counter. Returns the count and the seconds until the reset of each, in the order of the arguments.
pub(in crate::http::guard) async fn add(
    app: &AppState,
    counters: &[Counter],
    weight: u32,
) -> sqlx::Result<Vec<(i64, u64)>> {
    let (keys, windows): (Vec<String>, Vec<i32>) = counters
        .iter()
        .map(|(key, seconds)| (key.clone(), window(*seconds)))
        .unzip();
    let rows = sqlx::query!(
        r#"
        insert into quota as q (key, count, "resetAt")
        select key, $3, date_trunc('milliseconds', now() at time zone 'utc') + make_interval(secs => seconds)
        from unnest($1::text[], $2::int[]) as counter (key, seconds)
        order by key
        on conflict (key) do update set
            count = case when q."resetAt" <= now() at time zone 'utc' then $3 else least(q.count, 1000000000) + $3 end,
            "resetAt" = case when q."resetAt" <= now() at time zone 'utc' then excluded."resetAt" else q."resetAt" end
        returning key, count, ceil(extract(epoch from "resetAt" - now() at time zone 'utc'))::int as "resets_in!"
        "#,
        &keys,
        &windows,
        i32::try_from(weight).unwrap_or(1_000_000_000),
    )
    .fetch_all(&app.db)
    .await?;
    // The rows are in the order of the keys, not of the arguments.
    let counted = |key: &String| {
        let row = rows.iter().find(|row| row.key == *key);
        row.map_or((0, 1), |row| {
            let resets_in = u64::try_from(row.resets_in).unwrap_or(0).max(1);
            (i64::from(row.count), resets_in)
        })
    };
    Ok(keys.iter().map(counted).collect())
}

/// The state of a counter.
#[derive(Default)]
pub(in crate::http::guard) struct CounterRow {
    /// Requests in the current window; 0 if there is none.
    pub count: i32,
    /// Seconds until the window ends.
    pub resets_in: i32,
    /// The database accepts no writes.
    pub read_only: bool,
}

/// Reads a counter.
pub(in crate::http::guard) async fn read(app: &AppState, key: &str) -> sqlx::Result<CounterRow> {
    sqlx::query_as!(
        CounterRow,
        r#"
        select
            coalesce(q.count, 0) as "count!",
            coalesce(ceil(extract(epoch from q."resetAt" - now() at time zone 'utc'))::int, 0) as "resets_in!",
            current_setting('transaction_read_only') = 'on' as "read_only!"
        from (values (1)) as one (row)
        left join quota q on q.key = $1 and q."resetAt" > now() at time zone 'utc'
        "#,
        key,
    )
    .fetch_one(&app.db)
    .await
}
