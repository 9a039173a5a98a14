//! Generates a large and skewed data set inside PostgreSQL. A few users and projects have most of the likes, comments and
//! follows, and most of these are soon after a user or project was created.

use std::time::Instant;

use sqlx::PgConnection;

/// Numbers of rows to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub users: i32,
    pub projects: i32,
    pub likes: i32,
    pub comments: i32,
    pub follows: i32,
    /// Users that one additional user follows.
    pub follower: i32,
}

/// Inserts the rows that are missing. All values are derived from row numbers, so the same size gives the same rows.
pub async fn insert(db: &mut PgConnection, size: Size) -> anyhow::Result<()> {
    sqlx::raw_sql(SETTINGS).execute(&mut *db).await?;
    sqlx::raw_sql(FUNCTIONS).execute(&mut *db).await?;
    let steps = [
        ("users", USERS, size.users, 0),
        ("projects", PROJECTS, size.projects, size.users),
        ("likes", LIKES, size.likes, 0),
        ("comments", COMMENTS, size.comments, 0),
        ("follows", FOLLOWS, size.follows, size.users),
        ("follows by one user", FOLLOWER, size.follower, 0),
    ];
    for (name, statement, count, users) in steps {
        let start = Instant::now();
        let rows = sqlx::query(statement)
            .bind(count)
            .bind(users)
            .execute(&mut *db)
            .await?
            .rows_affected();
        println!("{rows} {name} in {:.1} s", start.elapsed().as_secs_f32());
    }
    sqlx::raw_sql("reset all").execute(&mut *db).await?;
    Ok(())
}

/// Disables the checks of foreign keys where the role may, which halves the time. Each statement reads the rows that it
/// references, so the checks find nothing.
const SETTINGS: &str = r"
    set work_mem = '256MB';
    set synchronous_commit = off;
    select set_config('session_replication_role', 'replica', false)
    from pg_roles
    where rolname = current_user and rolsuper;
";

/// `chance` returns a number from 0 to 1, the same for the same arguments. `index` returns an index below `count`. `pick`
/// returns an entry of a list. An `exponent` above 1 makes the first entries frequent.
const FUNCTIONS: &str = r"
    create or replace function pg_temp.chance(n integer, salt integer) returns float8
    language sql immutable parallel safe
    as $$ select (hashint4extended(n, salt) & 2147483647) / 2147483648.0::float8 $$;

    create or replace function pg_temp.index(n integer, salt integer, exponent float8, count integer) returns integer
    language sql immutable parallel safe
    as $$ select floor(pg_temp.chance(n, salt) ^ exponent * count)::integer $$;

    create or replace function pg_temp.pick(n integer, salt integer, exponent float8, list text) returns text
    language sql immutable parallel safe
    as $$
        select (string_to_array(list, ','))[
            1 + pg_temp.index(n, salt, exponent, array_length(string_to_array(list, ','), 1))
        ]
    $$;

    create or replace function pg_temp.now() returns timestamp(3)
    language sql stable parallel safe
    as $$ select date_trunc('day', now() at time zone 'utc') $$;
";

const USERS: &str = r#"
    insert into "user" (
        id, name, email, "emailVerified", image, "createdAt", "updatedAt", bio, location, skills, provider, "providerId",
        "githubUsername", "isActive", "isPro"
    )
    select
        md5('user ' || n),
        first || ' ' || last,
        lower(first) || '.' || n || '@people.example',
        pg_temp.chance(n, 3) < 0.95,
        'https://avatars.example/' || n || '.png',
        at,
        at + pg_temp.chance(n, 4) * (pg_temp.now() - at),
        case when pg_temp.chance(n, 5) < 0.6 then
            'Writes ' || pg_temp.pick(n, 6, 2, 'Rust,TypeScript,Go,Python,C,Java,Zig,Elixir') || ' and '
                || pg_temp.pick(n, 7, 1, 'reads papers,plays chess,climbs,bakes bread,restores radios,keeps bees')
                || ' in ' || location || '.'
        end,
        location,
        array(
            select distinct pg_temp.pick(n, 10 + i, 2,
                'Rust,TypeScript,React,Python,Go,PostgreSQL,Docker,AWS,Node.js,Java,C++,Kubernetes,GraphQL,C,Vue,Svelte,'
                'Elixir,Haskell,Zig,Kotlin,Swift,Terraform,Redis,Linux,Security,WebAssembly,Machine Learning,Design')
            from generate_series(1, 1 + pg_temp.index(n, 8, 1, 6)) as i
        ),
        (case when github then 'GITHUB' else 'GOOGLE' end)::"AuthProvider",
        (1000000 + n)::text,
        case when github then lower(first || '-' || last) || n end,
        pg_temp.chance(n, 17) >= 0.01,
        pg_temp.chance(n, 18) < 0.03
    from generate_series(1, $1) as n
    cross join lateral (
        select
            pg_temp.pick(n, 1, 1, 'Ana,Ben,Chloé,Dmitri,Elif,Farah,Gustav,Hana,Ivan,Jing,Kofi,Lena,Mateo,Nadia,Omar,Priya,'
                'Quinn,Rosa,Sven,Tariq,Uma,Viktor,Wanja,Xenia,Yusuf,Zoë') as first,
            pg_temp.pick(n, 2, 1, 'Abebe,Berg,Costa,Dubois,Eriksen,Fischer,García,Haddad,Ito,Jansen,Kim,Larsen,Müller,Novak,'
                'Okafor,Petrov,Rossi,Silva,Tanaka,Usman,Virtanen,Wang,Young,Zhang') as last,
            pg_temp.pick(n, 9, 1.5, 'Berlin,London,Toronto,San Francisco,Bengaluru,São Paulo,Lagos,Tokyo,Amsterdam,Warsaw,'
                'Nairobi,Paris,Lisbon,Seoul,Melbourne,Austin,Helsinki,Prague,Kraków,Oslo') as location,
            pg_temp.chance(n, 16) < 0.8 as github,
            -- Users with lower numbers were created earlier, and have more projects.
            pg_temp.now() - (1 - (n - pg_temp.chance(n, 19)) / $1) * interval '900 days' as at
    ) as person
    where $2 is not null
    on conflict do nothing
"#;

const PROJECTS: &str = r#"
    insert into projects (
        id, title, description, content, tags, language, "isPublic", "viewCount", "createdAt", "updatedAt", "authorId"
    )
    select
        md5('generated project ' || n),
        adjective || ' ' || noun || case when pg_temp.chance(n, 34) < 0.3 then ' ' || n else '' end,
        case when pg_temp.chance(n, 35) < 0.9 then
            'A ' || lower(adjective) || ' ' || lower(noun) || ' for ' || audience || ', written in ' || language
        end,
        '# ' || adjective || ' ' || noun || e'\n\n' || repeat(
            'It began as a weekend experiment for ' || audience || e' and kept growing.\n\n',
            1 + pg_temp.index(n, 36, 3, 40)),
        array(
            select distinct pg_temp.pick(n, 40 + i, 2,
                'rust,web,cli,react,api,database,game,typescript,python,ai,devtools,editor,async,wasm,testing,mobile,graphql,'
                'docker,security,music,maps,iot,compiler,parser,crypto,charts,css,education,robotics,finance,health,climate')
            from generate_series(1, pg_temp.index(n, 37, 1, 6)) as i
        ),
        language,
        pg_temp.chance(n, 38) < 0.92,
        pg_temp.index(n, 39, 8, 50000),
        at,
        at + pg_temp.chance(n, 50) ^ 3 * (pg_temp.now() - at),
        author.id
    from generate_series(1, $1) as n
    join "user" as author on author.id = md5('user ' || 1 + pg_temp.index(n, 30, 3, $2))
    cross join lateral (
        select
            pg_temp.pick(n, 31, 1, 'Quiet,Tiny,Open,Swift,Rusty,Lazy,Modern,Hidden,Solid,Parallel,Portable,Friendly,Atomic,'
                'Distributed,Reactive,Offline') as adjective,
            pg_temp.pick(n, 32, 1, 'Editor,Scheduler,Parser,Dashboard,Tracker,Engine,Compiler,Notebook,Router,Cache,Player,'
                'Terminal,Planner,Crawler,Monitor,Compass,Sandbox,Ledger') as noun,
            pg_temp.pick(n, 33, 1, 'students,small teams,night owls,librarians,gardeners,teachers,musicians,researchers,'
                'cyclists,open data,old hardware') as audience,
            pg_temp.pick(n, 51, 2, 'TypeScript,Rust,Python,Go,JavaScript,Java,C++,C,Kotlin,Swift,Elixir,Zig,Haskell,Ruby,'
                'PHP,Scala') as language,
            pg_temp.now() - pg_temp.chance(n, 52) * (pg_temp.now() - author."createdAt") as at
    ) as project
    on conflict do nothing
"#;

/// Draws more pairs than needed, because some repeat. Most likes are soon after the project was created.
const LIKES: &str = r#"
    with public as (
        select id, "createdAt", row_number() over (order by hashtextextended(id, 1))::integer as position
        from projects
        where "isPublic"
    ),
    active as (
        select id, row_number() over (order by hashtextextended(id, 2))::integer as position
        from "user"
        where "isActive"
    ),
    size as (
        select (select count(*) from public)::integer as projects, (select count(*) from active)::integer as users
    ),
    pair as (
        select distinct on (project, liker) project, liker, n
        from (
            select
                n,
                1 + pg_temp.index(n, 60, 2, projects) as project,
                1 + pg_temp.index(n, 61, 1.5, users) as liker
            from generate_series(1, $1 + $1 / 2) as n, size
        ) as drawn
    )
    insert into likes (id, "createdAt", "userId", "projectId")
    select
        md5('generated like ' || n),
        public."createdAt" + pg_temp.chance(n, 62) ^ 3 * (pg_temp.now() - public."createdAt"),
        active.id,
        public.id
    from (select * from pair order by n limit $1) as pair
    join public on public.position = project
    join active on active.position = liker
    where $2 is not null
    on conflict do nothing
"#;

const COMMENTS: &str = r#"
    with public as (
        select id, "createdAt", row_number() over (order by hashtextextended(id, 1))::integer as position
        from projects
        where "isPublic"
    ),
    people as (
        select id, row_number() over (order by hashtextextended(id, 2))::integer as position
        from "user"
    ),
    size as (
        select (select count(*) from public)::integer as projects, (select count(*) from people)::integer as users
    )
    insert into comments (id, content, "createdAt", "updatedAt", "authorId", "projectId")
    select
        md5('generated comment ' || n),
        pg_temp.pick(n, 72, 1, 'Nice work!,I use this every day.,Does it run on Windows?,The second example fails for me.,'
            'Could you add a licence?,Benchmarks would be welcome.,Thanks; this saved my weekend.') || ' #' || n,
        at,
        at + case when pg_temp.chance(n, 73) < 0.1 then interval '5 minutes' else interval '0' end,
        people.id,
        public.id
    from generate_series(1, $1) as n
    cross join size
    join public on public.position = 1 + pg_temp.index(n, 70, 2.5, projects)
    join people on people.position = 1 + pg_temp.index(n, 71, 2, users)
    cross join lateral (
        select public."createdAt" + pg_temp.chance(n, 74) ^ 3 * (pg_temp.now() - public."createdAt")
    ) as time (at)
    where $2 is not null
    on conflict do nothing
"#;

/// The users with the most projects have the most followers.
const FOLLOWS: &str = r#"
    with pair as (
        select distinct on (follower, followed) follower, followed, n
        from (
            select
                n,
                1 + pg_temp.index(n, 80, 1.5, $2) as follower,
                1 + pg_temp.index(n, 81, 2.5, $2) as followed
            from generate_series(1, $1 + $1 / 2) as n
        ) as drawn
        where follower <> followed
    )
    insert into follows (id, "createdAt", "followerId", "followingId")
    select
        md5('generated follow ' || n),
        pg_temp.now() - pg_temp.chance(n, 82) * least(
            pg_temp.now() - follower."createdAt", pg_temp.now() - followed."createdAt"),
        follower.id,
        followed.id
    from (select * from pair order by n limit $1) as pair
    join "user" as follower on follower.id = md5('user ' || pair.follower)
    join "user" as followed on followed.id = md5('user ' || pair.followed)
    on conflict do nothing
"#;

/// One user who follows many others, and therefore has a long feed.
const FOLLOWER: &str = r#"
    with follower as (
        insert into "user" (id, name, email, "createdAt", "updatedAt")
        select md5('follower'), 'Vera Many', 'vera.many@people.example', pg_temp.now() - interval '900 days', pg_temp.now()
        where $1 > 0
        on conflict do nothing
    )
    insert into follows (id, "createdAt", "followerId", "followingId")
    select
        md5('generated follow by one ' || n),
        pg_temp.now() - pg_temp.chance(n, 90) * (pg_temp.now() - followed."createdAt"),
        md5('follower'),
        followed.id
    from generate_series(1, $1) as n
    join "user" as followed on followed.id = md5('user ' || n)
    where $2 is not null
    on conflict do nothing
"#;
