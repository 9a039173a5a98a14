//! The sample data: a few users and their projects. All of the users can sign in with the local OAuth provider.

use sqlx::PgConnection;

use crate::events;

/// Inserts the sample data, unless it exists. Times are relative to today, so that some rows are always recent.
pub async fn insert(db: &mut PgConnection) -> sqlx::Result<()> {
    insert_people(db).await?;
    for statement in [PROJECTS, COMMENTS, LIKES, FOLLOWS] {
        sqlx::query(statement).execute(&mut *db).await?;
    }
    Ok(())
}

/// Inserts the session and the API key of Ada that the events of `events/` use. The cookie of the events is signed with the
/// default secret of `cargo xtask dev`, so a server with another secret rejects it. No API key has the stored hash.
pub async fn sign_in(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(SESSION)
        .bind(events::TOKEN)
        .bind(events::ADA)
        .execute(&mut *db)
        .await?;
    sqlx::query(API_KEY)
        .bind(events::API_KEY)
        .bind(events::ADA)
        .execute(&mut *db)
        .await?;
    Ok(())
}

/// Expires in a week.
const SESSION: &str = r#"
    insert into session (id, token, "userId", "expiresAt", "updatedAt")
    select 'session-of-the-events', $1, id, now() at time zone 'utc' + interval '7 days', now() at time zone 'utc'
    from "user"
    where id = $2
    on conflict (id) do update set "expiresAt" = excluded."expiresAt"
"#;

const API_KEY: &str = r#"
    insert into apikey (id, name, start, prefix, "referenceId", key, "updatedAt")
    select $1, 'of the events', 'cc_eve', 'cc_', id, 'no hash', now() at time zone 'utc'
    from "user"
    where id = $2
    on conflict do nothing
"#;

/// How a sample person is stored: the login at the provider, the service, skills, and the role.
const STORED: [(&str, &str, &str, &str); 7] = [
    ("ada", "GITHUB", "Rust,TypeScript,Mathematics", "user"),
    ("grace", "GOOGLE", "COBOL,Compilers", "user"),
    ("katherine", "GITHUB", "Python,Fortran,Mathematics", "user"),
    ("margaret", "GITHUB", "Rust,Assembly,Testing", "user"),
    ("radia", "GOOGLE", "Go,Networking", "user"),
    ("hedy", "GITHUB", "Radio", "admin"),
    ("dorothy", "GITHUB", "Fortran", "moderator"),
];

/// Gives each sample user without a picture the one that the stand-in for the providers serves. `provider` is its address.
pub async fn add_faces(db: &mut PgConnection, provider: &str) -> sqlx::Result<()> {
    for (login, ..) in STORED {
        sqlx::query(FACE)
            .bind(login)
            .bind(format!("{provider}/avatars/{login}.svg"))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// A picture of an earlier run may have another port.
const FACE: &str = r#"
    update "user"
    set image = $2
    where id = md5('person ' || $1)
        and (image is null or image like 'http://localhost:%/avatars/%.svg')
        and image is distinct from $2
"#;

async fn insert_people(db: &mut PgConnection) -> sqlx::Result<()> {
    for person in provider::sample_people() {
        // The others sign up.
        let mut stored = STORED.iter();
        let Some((_, service, skills, role)) = stored.find(|(login, ..)| *login == person.login)
        else {
            continue;
        };
        sqlx::query(PERSON)
            .bind(&person.login)
            .bind(&person.name)
            .bind(&person.email)
            .bind(service)
            .bind(person.id.to_string())
            .bind(person.bio.filter(|_| *service == "GITHUB"))
            .bind(person.blog)
            .bind(person.location)
            .bind(person.company)
            .bind(skills)
            .bind(role)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Inserts a user and the account at the service. A user who exists stays unchanged.
const PERSON: &str = r#"
    with person as (
        insert into "user" (
            id, name, email, "emailVerified", "createdAt", "updatedAt", bio, website, location, company, skills,
            provider, "providerId", "githubUsername", role
        )
        select
            md5('person ' || $1), $2, $3, true, at, at, $6, $7, $8, $9, string_to_array($10, ','),
            $4::"AuthProvider", $5, case when $4 = 'GITHUB' then $1 end, $11
        from (select date_trunc('day', now() at time zone 'utc') - interval '90 days') as time (at)
        on conflict do nothing
        returning id, "createdAt"
    )
    insert into account (id, "accountId", "providerId", "userId", scope, "createdAt", "updatedAt")
    select
        md5('account ' || $1),
        $5,
        lower($4),
        id,
        case $4 when 'GOOGLE' then 'email,profile,openid' else 'read:user,user:email' end,
        "createdAt",
        "createdAt"
    from person
    on conflict do nothing
"#;

const PROJECTS: &str = r#"
    insert into projects (
        id, title, description, content, tags, language, "isPublic", "viewCount", "createdAt", "updatedAt", "authorId"
    )
    select
        md5('project ' || title), title, description, content, string_to_array(tags, ','), language, "isPublic", views,
        at, at, "user".id
    from (values
        ('ada@example.com', 60, 'Analytical Engine', 'An emulator of the machine that was never built',
            e'# Analytical Engine\n\nRuns the program of **Note G**.\n\n```rust\nlet b7 = engine.run(&note_g)?;\n```',
            'rust,emulator,history', 'Rust', true, 2847),
        ('ada@example.com', 12, 'Bernoulli', 'Bernoulli numbers to any index', e'# Bernoulli\n\nExact, and not slow.',
            'rust,mathematics', 'Rust', true, 412),
        ('ada@example.com', 2, 'Letters to Babbage', 'Not for everybody''s eyes yet', null, 'history', null, false, 0),
        ('grace@example.com', 45, 'A-0', 'Links subroutines by number', e'# A-0\n\nThe first linker. | tape | routine |',
            'compilers,history', 'COBOL', true, 1930),
        ('grace@example.com', 5, 'Nanosecond', 'How far light goes in one, as a web page', null,
            'typescript,teaching', 'TypeScript', true, 655),
        ('katherine@example.com', 30, 'Freefall', 'Orbits from three observations', e'# Freefall\n\n- [x] ellipses\n- [ ] the Moon',
            'python,mathematics,space', 'Python', true, 988),
        ('margaret@example.com', 20, 'Priority Displays', 'A scheduler that sheds load instead of crashing',
            e'# Priority Displays\n\nAlarm 1202 is not the end.', 'rust,scheduler,space', 'Rust', true, 1544),
        ('radia@example.com', 8, 'Algorhyme', 'The spanning tree protocol, in verse and in Go', null,
            'go,networking', 'Go', true, 720)
    ) as project (author, days, title, description, content, tags, language, "isPublic", views)
    join "user" on email = author
    cross join lateral (select date_trunc('day', now() at time zone 'utc') - days * interval '1 day') as time (at)
    on conflict do nothing
"#;

const COMMENTS: &str = r#"
    insert into comments (id, content, "createdAt", "updatedAt", "authorId", "projectId")
    select md5('comment ' || comment.content), comment.content, at, at, "user".id, projects.id
    from (values
        ('grace@example.com', 'Analytical Engine', 50, 'Does it print the tables too?'),
        ('ada@example.com', 'Analytical Engine', 49, 'It does, since yesterday: see `print.rs`.'),
        ('margaret@example.com', 'Analytical Engine', 9, 'What happens when the card reader jams?'),
        ('katherine@example.com', 'Bernoulli', 3, 'Checked the first sixty by hand. All right.'),
        ('ada@example.com', 'Freefall', 21, 'Could the third observation be a moving one?'),
        ('radia@example.com', 'Priority Displays', 6, 'I would like this for a router.'),
        ('grace@example.com', 'Algorhyme', 1, 'I think that I shall never see a better README.')
    ) as comment (author, title, days, content)
    join "user" on email = author
    join projects on projects.id = md5('project ' || comment.title)
    cross join lateral (select date_trunc('hour', now() at time zone 'utc') - days * interval '1 day') as time (at)
    on conflict do nothing
"#;

const LIKES: &str = r#"
    insert into likes (id, "createdAt", "userId", "projectId")
    select md5('like ' || liker || liked.title), at, "user".id, projects.id
    from (values
        ('grace@example.com', 'Analytical Engine', 55),
        ('katherine@example.com', 'Analytical Engine', 40),
        ('margaret@example.com', 'Analytical Engine', 9),
        ('radia@example.com', 'Analytical Engine', 2),
        ('katherine@example.com', 'Bernoulli', 3),
        ('ada@example.com', 'A-0', 44),
        ('margaret@example.com', 'A-0', 15),
        ('radia@example.com', 'Nanosecond', 4),
        ('ada@example.com', 'Freefall', 21),
        ('ada@example.com', 'Priority Displays', 6),
        ('katherine@example.com', 'Priority Displays', 5),
        ('radia@example.com', 'Priority Displays', 1),
        ('grace@example.com', 'Algorhyme', 1)
    ) as liked (liker, title, days)
    join "user" on email = liker
    join projects on projects.id = md5('project ' || liked.title)
    cross join lateral (select date_trunc('hour', now() at time zone 'utc') - days * interval '1 day') as time (at)
    on conflict do nothing
"#;

const FOLLOWS: &str = r#"
    insert into follows (id, "createdAt", "followerId", "followingId")
    select md5('follow ' || follower.email || followed.email), at, follower.id, followed.id
    from (values
        ('ada@example.com', 'grace@example.com', 58),
        ('ada@example.com', 'margaret@example.com', 18),
        ('grace@example.com', 'ada@example.com', 57),
        ('katherine@example.com', 'ada@example.com', 39),
        ('katherine@example.com', 'margaret@example.com', 14),
        ('margaret@example.com', 'ada@example.com', 10),
        ('radia@example.com', 'grace@example.com', 4)
    ) as pair (a, b, days)
    join "user" as follower on follower.email = a
    join "user" as followed on followed.email = b
    cross join lateral (select date_trunc('hour', now() at time zone 'utc') - days * interval '1 day') as time (at)
    on conflict do nothing
"#;
