//! Statements that generate and count the rows.

/// Disables triggers and the checks of foreign keys where the role may. Each statement reads the rows that it references, so
/// the checks find nothing, and the last statements count what the triggers would.
pub const SETTINGS: &str = r"
    set jit = off;
    set work_mem = '256MB';
    set maintenance_work_mem = '512MB';
    -- There are two connections already.
    set max_parallel_maintenance_workers = 0;
    set synchronous_commit = off;
    select set_config('session_replication_role', 'replica', false)
    from pg_roles
    where rolname = current_user and rolsuper;
";

/// Tables that exist during a run: the keys of the generated projects, and the numbers of their likes and comments.
pub const CREATE_TABLES: &str = r#"
    drop table if exists "seedKey", "seedCount";
    create unlogged table "seedKey" (
        n integer not null,
        id text not null,
        "createdAt" timestamp(3) not null,
        "isPublic" boolean not null,
        "authorId" text not null
    );
    create unlogged table "seedCount" (id text not null, likes integer not null, comments integer not null);
"#;

pub const DROP_TABLES: &str = r#"drop table "seedKey", "seedCount""#;

pub const COUNT_ACTS: &str = r#"
    analyze likes, comments, follows, "seedKey";
    insert into "seedCount"
    select id, coalesce(l.n, 0), coalesce(c.n, 0)
    from (select "projectId" as id, count(*) as n from likes group by 1) l
    full join (
        select "projectId" as id, count(*) as n
        from comments
        join "user" u on u.id = "authorId"
        where is_counted(u)
        group by 1
    ) c using (id);
    analyze "seedCount";
"#;

/// Projects that were inserted with their counters are not written again.
pub const UPDATE_PROJECTS: &str = r#"
    update projects
    set "likeCount" = counted.likes, "commentCount" = counted.comments
    from (
        select p.id, coalesce(acts.likes, 0) as likes, coalesce(acts.comments, 0) as comments
        from projects p
        left join "seedCount" acts using (id)
    ) counted
    where projects.id = counted.id
        and ("likeCount", "commentCount") <> (counted.likes, counted.comments);
"#;

pub const UPDATE_USERS: &str = r#"
    update "user"
    set "projectsCount" = counted.projects, "followersCount" = counted.followers, "followingCount" = counted.following
    from (
        select
            u.id,
            coalesce(p.n, 0) as projects,
            coalesce(r.n, 0) as followers,
            coalesce(g.n, 0) as following
        from "user" u
        left join (select "authorId" as id, count(*) as n from projects where "isPublic" group by 1) p using (id)
        left join (select "followingId" as id, count(*) as n from follows group by 1) r using (id)
        left join (select "followerId" as id, count(*) as n from follows group by 1) g using (id)
    ) counted
    where "user".id = counted.id
        and ("projectsCount", "followersCount", "followingCount")
            <> (counted.projects, counted.followers, counted.following);
"#;

pub const COUNT_FACETS: &str = r#"
    delete from "projectFacet";
    insert into "projectFacet"
    select counted.* from "windowClock" cross join lateral counted_facets(until) counted;
"#;

pub const COUNT_USER_FACETS: &str = r#"
    delete from "userFacet";
    insert into "userFacet" select * from counted_user_facets();
"#;

pub const COUNT_TRENDS: &str = r#"
    delete from "projectTrend";
    insert into "projectTrend" ("projectId", "createdAt", day, week, month)
    select counted."projectId", counted."createdAt", coalesce(counted.day, 0), coalesce(counted.week, 0), counted.month
    from "windowClock"
    cross join lateral counted_trends(null, until) counted;
"#;

/// `chance` returns a number from 0 to 1, the same for the same arguments. `index` returns an index below `count`. `pick`
/// returns an entry of a list. An `exponent` above 1 makes the first entries frequent.
pub const FUNCTIONS: &str = r"
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

pub const USERS: &str = r#"
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

/// The keys of all generated projects, including those that exist already.
pub const KEYS: &str = r#"
    insert into "seedKey" (n, id, "createdAt", "isPublic", "authorId")
    select
        n,
        key.id,
        coalesce(
            stored."createdAt", pg_temp.now() - pg_temp.chance(n, 52) * (pg_temp.now() - author."createdAt")
        ),
        coalesce(stored."isPublic", pg_temp.chance(n, 38) < 0.92),
        author.id
    from generate_series(1, $1) as n
    join "user" as author on author.id = md5('user ' || 1 + pg_temp.index(n, 30, 3, $2))
    cross join lateral (select md5('generated project ' || n) as id) as key
    left join projects as stored on stored.id = key.id
"#;

/// The projects of the keys, with their counters if these are known already.
pub const PROJECTS: &str = r#"
    insert into projects (
        id, title, description, content, tags, language, "isPublic", "viewCount", "likeCount", "commentCount", "createdAt",
        "updatedAt", "authorId"
    )
    select
        key.id,
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
        key."isPublic",
        pg_temp.index(n, 39, 8, 50000),
        coalesce(acts.likes, 0),
        coalesce(acts.comments, 0),
        key."createdAt",
        key."createdAt" + pg_temp.chance(n, 50) ^ 3 * (pg_temp.now() - key."createdAt"),
        key."authorId"
    from "seedKey" as key
    left join "seedCount" as acts on acts.id = key.id
    cross join lateral (
        select
            pg_temp.pick(n, 31, 1, 'Quiet,Tiny,Open,Swift,Rusty,Lazy,Modern,Hidden,Solid,Parallel,Portable,Friendly,Atomic,'
                'Distributed,Reactive,Offline') as adjective,
            pg_temp.pick(n, 32, 1, 'Editor,Scheduler,Parser,Dashboard,Tracker,Engine,Compiler,Notebook,Router,Cache,Player,'
                'Terminal,Planner,Crawler,Monitor,Compass,Sandbox,Ledger') as noun,
            pg_temp.pick(n, 33, 1, 'students,small teams,night owls,librarians,gardeners,teachers,musicians,researchers,'
                'cyclists,open data,old hardware') as audience,
            pg_temp.pick(n, 51, 2, 'TypeScript,Rust,Python,Go,JavaScript,Java,C++,C,Kotlin,Swift,Elixir,Zig,Haskell,Ruby,'
                'PHP,Scala') as language
    ) as project
    where n <= $1 and $2 is not null
    on conflict do nothing
"#;

/// Draws more pairs than needed, because some repeat. Most likes are soon after the project was created.
pub const LIKES: &str = r#"
    with public as (
        select id, "createdAt", row_number() over (order by hashtextextended(id, 1))::integer as position
        from "seedKey"
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
        and not exists (select from likes l where l."userId" = active.id and l."projectId" = public.id)
    on conflict do nothing
"#;

pub const COMMENTS: &str = r#"
    with public as (
        select id, "createdAt", row_number() over (order by hashtextextended(id, 1))::integer as position
        from "seedKey"
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
pub const FOLLOWS: &str = r#"
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
pub const FOLLOWER: &str = r#"
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
