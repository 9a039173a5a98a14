//! The costs of the combinations of parameters on a large database.

use std::time::{Duration, Instant};

use sqlx::PgPool;

use crate::app;

const SORTS: [&str; 9] = [
    "",
    "&sort=newest",
    "&sort=updated",
    "&sort=likes",
    "&sort=comments",
    "&sort=views",
    "&sort=trending&window=24h",
    "&sort=trending",
    "&sort=trending&window=30d",
];

const SEARCHES: [&str; 14] = [
    "",
    "&q=rust",
    "&q=rust+editor",
    "&q=quiet+ledger",
    "&q=go",
    "&q=go+rust",
    "&q=a",
    "&q=zq",
    "&q=zq+qz",
    "&q=nowhere",
    "&q=c%2B%2B",
    "&q=%E6%97%A5%E6%9C%AC",
    "&q=written+in",
    "&q=zq+written",
];

/// Prints the ten slowest of about a thousand combinations. Fails if one of them does not succeed.
#[tokio::test]
#[ignore = "needs a large database, in LARGE_DATABASE_URL"]
async fn the_slowest_combinations_are_printed() {
    let url = std::env::var("LARGE_DATABASE_URL").expect("LARGE_DATABASE_URL is set");
    let db = PgPool::connect(&url).await.unwrap();
    let names: Vec<(bool, String)> = sqlx::query_as(
        r#"select "isTag", name
           from (
               select "isTag", name,
                   row_number() over (partition by "isTag" order by count desc) as place,
                   row_number() over (partition by "isTag" order by count) as "fromEnd"
               from "projectFacet"
           ) facet
           where place <= 2 or "fromEnd" = 1
           order by 1 desc, place"#,
    )
    .fetch_all(&db)
    .await
    .unwrap();
    let mut filters = vec![String::new(), "&createdAfter=2020-01-01".to_owned()];
    filters.extend(names.iter().map(|(is_tag, name)| {
        let name = name.replace('#', "%23").replace('+', "%2B");
        let key = if *is_tag { "tag" } else { "language" };
        format!("&{key}={name}")
    }));
    let app = app(&db);
    let anyone = app.anyone();
    let mut times: Vec<(Duration, String)> = Vec::new();
    for search in SEARCHES {
        for filter in &filters {
            let lists = SORTS.map(|sort| format!("/projects?limit=20{search}{filter}{sort}"));
            let facets = ["24h", "30d"]
                .map(|window| format!("/projects/facets?window={window}{search}{filter}"));
            for first in lists.into_iter().chain(facets) {
                let mut path = first;
                // The first page, and one behind it.
                for _ in 0..2 {
                    sqlx::query("delete from quota").execute(&db).await.unwrap();
                    // The second time, what the statement needs is in memory.
                    anyone.get(&path).await.expect(200);
                    let start = Instant::now();
                    let answer = anyone.get(&path).await.expect(200);
                    times.push((start.elapsed(), path.clone()));
                    let link = answer.headers.get("link");
                    let link =
                        link.and_then(|link| link.to_str().unwrap().split(['<', '>']).nth(1));
                    match link {
                        Some(next) => {
                            path = format!("/projects{}", next.replace("limit=20", "limit=100"));
                        }
                        None => break,
                    }
                }
            }
        }
    }
    assert!(times.len() >= 500, "{}", times.len());
    times.sort_unstable();
    println!(
        "measured: tried {} combinations; median {:?}",
        times.len(),
        times[times.len() / 2].0
    );
    for (time, path) in times.iter().rev().take(10) {
        println!("{time:?} {path}");
    }
}
