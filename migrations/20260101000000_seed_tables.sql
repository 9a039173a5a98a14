-- The tables of the Node application, as Prisma makes them. On an empty database they are created; on a database that
-- Prisma made nothing changes; a database that somebody made by hand is completed, or refused before anything is done.

-- A notice for every column that exists already would help nobody.
set local client_min_messages = warning;

-- What each table must hold if it exists already. `required` columns cannot be invented, `filled` ones are never null
-- but can be added, `optional` ones may be null.
create temporary table "expectedColumn" on commit drop as
select "table", unnest("columns") as "column", "type", "kind"
from (values
    ('user', 'text', 'required', '{id,name,email}'::text[]),
    ('user', 'text', 'optional', '{image,avatar,bio,website,location,company,providerId,githubUsername,role,banReason}'),
    ('user', 'text[]', 'optional', '{skills}'),
    ('user', 'boolean', 'filled', '{emailVerified,isActive,isPro}'),
    ('user', 'boolean', 'optional', '{banned}'),
    ('user', 'integer', 'filled', '{projectsCount,followersCount,followingCount}'),
    ('user', '"AuthProvider"', 'filled', '{provider}'),
    ('user', 'timestamp', 'filled', '{createdAt,updatedAt}'),
    ('user', 'timestamp', 'optional', '{banExpires}'),
    ('session', 'text', 'required', '{id,token,userId}'),
    ('session', 'text', 'optional', '{ipAddress,userAgent,impersonatedBy}'),
    ('session', 'timestamp', 'required', '{expiresAt}'),
    ('session', 'timestamp', 'filled', '{createdAt,updatedAt}'),
    ('account', 'text', 'required', '{id,accountId,providerId,userId}'),
    ('account', 'text', 'optional', '{accessToken,refreshToken,idToken,scope,password}'),
    ('account', 'timestamp', 'filled', '{createdAt,updatedAt}'),
    ('account', 'timestamp', 'optional', '{accessTokenExpiresAt,refreshTokenExpiresAt}'),
    ('verification', 'text', 'required', '{id,identifier,value}'),
    ('verification', 'timestamp', 'required', '{expiresAt}'),
    ('verification', 'timestamp', 'optional', '{createdAt,updatedAt}'),
    ('projects', 'text', 'required', '{id,title,authorId}'),
    ('projects', 'text', 'optional', '{description,content,language}'),
    ('projects', 'text[]', 'optional', '{tags}'),
    ('projects', 'boolean', 'filled', '{isPublic}'),
    ('projects', 'integer', 'filled', '{viewCount,likeCount}'),
    ('projects', 'timestamp', 'filled', '{createdAt,updatedAt}'),
    ('comments', 'text', 'required', '{id,content,authorId,projectId}'),
    ('comments', 'timestamp', 'filled', '{createdAt,updatedAt}'),
    ('likes', 'text', 'required', '{id,userId,projectId}'),
    ('likes', 'timestamp', 'filled', '{createdAt}'),
    ('follows', 'text', 'required', '{id,followerId,followingId}'),
    ('follows', 'timestamp', 'filled', '{createdAt}'),
    ('apikey', 'text', 'required', '{id,configId,referenceId,key}'),
    ('apikey', 'text', 'optional', '{name,start,prefix,permissions,metadata}'),
    ('apikey', 'boolean', 'required', '{enabled,rateLimitEnabled}'),
    ('apikey', 'integer', 'required', '{requestCount}'),
    ('apikey', 'integer', 'optional',
        '{refillInterval,refillAmount,rateLimitTimeWindow,rateLimitMax,remaining}'),
    ('apikey', 'timestamp', 'required', '{createdAt,updatedAt}'),
    ('apikey', 'timestamp', 'optional', '{lastRefillAt,lastRequest,expiresAt}'),
    ('rateLimit', 'text', 'required', '{id,key}'),
    ('rateLimit', 'integer', 'required', '{count}'),
    ('rateLimit', 'bigint', 'required', '{lastRequest}')
) as expected ("table", "type", "kind", "columns");

create temporary table "expectedReference" on commit drop as
select * from (values
    ('session', 'userId', 'user'),
    ('account', 'userId', 'user'),
    ('projects', 'authorId', 'user'),
    ('comments', 'authorId', 'user'),
    ('comments', 'projectId', 'projects'),
    ('likes', 'userId', 'user'),
    ('likes', 'projectId', 'projects'),
    ('follows', 'followerId', 'user'),
    ('follows', 'followingId', 'user')
) as expected ("table", "column", "target");

create temporary table "expectedUnique" on commit drop as
select * from (values
    ('user', '{email}'::name[]),
    ('session', '{token}'),
    ('likes', '{userId,projectId}'),
    ('follows', '{followerId,followingId}'),
    ('apikey', '{key}'),
    ('rateLimit', '{key}')
) as expected ("table", "columns");

do $preflight$
declare
    problems text;
    reference record;
    key record;
    found boolean;
begin
    if to_regclass('users') is not null and to_regclass('"user"') is null then
        raise exception 'this database cannot be migrated: it has the table "users" of the first Prisma migration '
            'but no table "user"; apply the later Prisma migrations, or rename "users" to "user", and migrate again';
    end if;

    with existing as (
        select distinct "table", to_regclass(quote_ident("table"))::oid as oid
        from "expectedColumn"
        where to_regclass(quote_ident("table")) is not null
    ),
    attribute as (
        select existing."table", attname::text as "column", format_type(atttypid, atttypmod) as "type",
            attnotnull and not atthasdef and attidentity = '' as "mustBeWritten"
        from existing
        join pg_attribute on attrelid = existing.oid and attnum > 0 and not attisdropped
    ),
    problem (text) as (
        select format('%I is not a table', "table")
        from existing
        join pg_class on pg_class.oid = existing.oid
        where relkind not in ('r', 'p')
        union all
        select format('table %I has no column %I', "table", expected."column")
        from existing
        join "expectedColumn" as expected using ("table")
        left join attribute using ("table", "column")
        where kind = 'required' and attribute."column" is null
        union all
        select format('column %I.%I is %s instead of %s', "table", "column", attribute."type", expected."type")
        from "expectedColumn" as expected
        join attribute using ("table", "column")
        where case expected."type"
            when 'text' then attribute."type" not in ('text', 'character varying')
            when 'timestamp' then attribute."type" !~ '^timestamp(\(\d\))? without time zone$'
            else attribute."type" <> expected."type"
        end
        union all
        select format('column %I.%I is not null, has no default and is unknown here', "table", "column")
        from attribute
        left join "expectedColumn" as expected using ("table", "column")
        where "mustBeWritten" and expected."column" is null
        union all
        select format('table %I has no primary key on "id"', "table")
        from existing
        join pg_class on pg_class.oid = existing.oid and relkind in ('r', 'p')
        where not exists (
            select from pg_index
            join pg_attribute on attrelid = indrelid and attnum = any (indkey)
            where indrelid = existing.oid and indisprimary and indnatts = 1 and attname = 'id'
        )
        union all
        select case
            when confrelid is distinct from to_regclass(quote_ident("target"))
                then format('%I.%I references %s instead of %I', "table", "column", confrelid::regclass, "target")
            else format('%I.%I references %I without "on delete cascade"', "table", "column", "target")
        end
        from "expectedReference" as expected
        join existing using ("table")
        join pg_attribute on attrelid = existing.oid and attname = "column"
        join pg_constraint on conrelid = existing.oid and contype = 'f' and conkey = array[attnum]
        where confrelid is distinct from to_regclass(quote_ident("target")) or confdeltype <> 'c'
        union all
        -- A like would move "updatedAt" of the project, and editors would be told of a change that nobody made.
        select format('trigger %I changes rows of %I', tgname, "table")
        from existing
        join pg_trigger on tgrelid = existing.oid and not tgisinternal
        -- Bits of tgtype: 2 is before, 16 is update.
        where "table" in ('projects', 'comments') and tgtype & 2 <> 0 and tgtype & 16 <> 0
        union all
        select format('enum "AuthProvider" has no label %s', label)
        from unnest('{GITHUB,GOOGLE}'::text[]) as label
        where to_regtype('"AuthProvider"') is not null and not exists (
            select from pg_enum where enumtypid = to_regtype('"AuthProvider"') and enumlabel = label
        )
    )
    select string_agg(text, '; ' order by text) into problems from problem;

    if problems is not null then
        raise exception 'this database cannot be migrated as it is: %', problems;
    end if;

    -- From here on the structure is known, and only what no constraint guards has to be looked at row by row.
    for key in
        select "table", "column"
        from "expectedColumn"
        join pg_attribute on attrelid = to_regclass(quote_ident("table")) and attname = "column"
        where kind <> 'optional' and not attnotnull
    loop
        execute format('select exists (select from %I where %I is null)', key."table", key."column") into found;
        if found then
            raise exception 'this database cannot be migrated as it is: column %.% holds nulls',
                quote_ident(key."table"), quote_ident(key."column");
        end if;
    end loop;

    for key in
        select "table", (select string_agg(quote_ident(name), ', ') from unnest("columns") as name) as "columns"
        from "expectedUnique"
        where to_regclass(quote_ident("table")) is not null and not exists (
            select from pg_index
            where indrelid = to_regclass(quote_ident("table")) and indisunique and indpred is null
                and "columns" = (
                    select array_agg(attname order by position)
                    from unnest(indkey) with ordinality as indexed (attnum, position)
                    join pg_attribute on attrelid = indrelid and pg_attribute.attnum = indexed.attnum
                )
        )
    loop
        execute format('select exists (select from %I group by %s having count(*) > 1)', key."table", key."columns")
            into found;
        if found then
            raise exception 'this database cannot be migrated as it is: rows of % have the same (%)',
                quote_ident(key."table"), key."columns";
        end if;
    end loop;

    for reference in
        select "table", "column", "target"
        from "expectedReference"
        join pg_attribute on attrelid = to_regclass(quote_ident("table")) and attname = "column"
        where to_regclass(quote_ident("target")) is not null and not exists (
            select from pg_constraint where conrelid = attrelid and contype = 'f' and conkey = array[attnum]
        )
    loop
        execute format('select exists (select from %1$I where not exists (select from %3$I where id = %1$I.%2$I))',
            reference."table", reference."column", reference."target") into found;
        if found then
            raise exception 'this database cannot be migrated as it is: rows of %.% have no row in %',
                quote_ident(reference."table"), quote_ident(reference."column"), quote_ident(reference."target");
        end if;
    end loop;
end
$preflight$;

do $$
begin
    if to_regtype('"AuthProvider"') is null then
        create type "AuthProvider" as enum ('GITHUB', 'GOOGLE');
    end if;
end
$$;

create table if not exists "user" (
    id text not null,
    name text not null,
    email text not null,
    "emailVerified" boolean not null default false,
    image text,
    "createdAt" timestamp(3) not null default current_timestamp,
    "updatedAt" timestamp(3) not null,
    avatar text,
    bio text,
    website text,
    location text,
    company text,
    skills text[] default array[]::text[],
    provider "AuthProvider" not null default 'GITHUB',
    "providerId" text,
    "githubUsername" text,
    "projectsCount" integer not null default 0,
    "followersCount" integer not null default 0,
    "followingCount" integer not null default 0,
    "isActive" boolean not null default true,
    "isPro" boolean not null default false,
    constraint "user_pkey" primary key (id)
);

create table if not exists session (
    id text not null,
    "expiresAt" timestamp(3) not null,
    token text not null,
    "createdAt" timestamp(3) not null default current_timestamp,
    "updatedAt" timestamp(3) not null,
    "ipAddress" text,
    "userAgent" text,
    "userId" text not null,
    constraint "session_pkey" primary key (id)
);

create table if not exists account (
    id text not null,
    "accountId" text not null,
    "providerId" text not null,
    "userId" text not null,
    "accessToken" text,
    "refreshToken" text,
    "idToken" text,
    "accessTokenExpiresAt" timestamp(3),
    "refreshTokenExpiresAt" timestamp(3),
    scope text,
    password text,
    "createdAt" timestamp(3) not null default current_timestamp,
    "updatedAt" timestamp(3) not null,
    constraint "account_pkey" primary key (id)
);

create table if not exists verification (
    id text not null,
    identifier text not null,
    value text not null,
    "expiresAt" timestamp(3) not null,
    "createdAt" timestamp(3) not null default current_timestamp,
    "updatedAt" timestamp(3) not null,
    constraint "verification_pkey" primary key (id)
);

create table if not exists projects (
    id text not null,
    title text not null,
    description text,
    content text,
    tags text[] default array[]::text[],
    language text,
    "isPublic" boolean not null default true,
    "viewCount" integer not null default 0,
    "likeCount" integer not null default 0,
    "createdAt" timestamp(3) not null default current_timestamp,
    "updatedAt" timestamp(3) not null,
    "authorId" text not null,
    constraint "projects_pkey" primary key (id)
);

create table if not exists comments (
    id text not null,
    content text not null,
    "createdAt" timestamp(3) not null default current_timestamp,
    "updatedAt" timestamp(3) not null,
    "authorId" text not null,
    "projectId" text not null,
    constraint "comments_pkey" primary key (id)
);

create table if not exists likes (
    id text not null,
    "createdAt" timestamp(3) not null default current_timestamp,
    "userId" text not null,
    "projectId" text not null,
    constraint "likes_pkey" primary key (id)
);

create table if not exists follows (
    id text not null,
    "createdAt" timestamp(3) not null default current_timestamp,
    "followerId" text not null,
    "followingId" text not null,
    constraint "follows_pkey" primary key (id)
);

-- Columns that a hand-made table lacks. "updatedAt" gets a default there, since its rows need a value.
alter table "user"
    add column if not exists "emailVerified" boolean not null default false,
    add column if not exists image text,
    add column if not exists "createdAt" timestamp(3) not null default current_timestamp,
    add column if not exists "updatedAt" timestamp(3) not null default current_timestamp,
    add column if not exists avatar text,
    add column if not exists bio text,
    add column if not exists website text,
    add column if not exists location text,
    add column if not exists company text,
    add column if not exists skills text[] default array[]::text[],
    add column if not exists provider "AuthProvider" not null default 'GITHUB',
    add column if not exists "providerId" text,
    add column if not exists "githubUsername" text,
    add column if not exists "projectsCount" integer not null default 0,
    add column if not exists "followersCount" integer not null default 0,
    add column if not exists "followingCount" integer not null default 0,
    add column if not exists "isActive" boolean not null default true,
    add column if not exists "isPro" boolean not null default false;

alter table session
    add column if not exists "createdAt" timestamp(3) not null default current_timestamp,
    add column if not exists "updatedAt" timestamp(3) not null default current_timestamp,
    add column if not exists "ipAddress" text,
    add column if not exists "userAgent" text;

alter table account
    add column if not exists "accessToken" text,
    add column if not exists "refreshToken" text,
    add column if not exists "idToken" text,
    add column if not exists "accessTokenExpiresAt" timestamp(3),
    add column if not exists "refreshTokenExpiresAt" timestamp(3),
    add column if not exists scope text,
    add column if not exists password text,
    add column if not exists "createdAt" timestamp(3) not null default current_timestamp,
    add column if not exists "updatedAt" timestamp(3) not null default current_timestamp;

alter table verification
    add column if not exists "createdAt" timestamp(3) not null default current_timestamp,
    add column if not exists "updatedAt" timestamp(3) not null default current_timestamp;

alter table projects
    add column if not exists description text,
    add column if not exists content text,
    add column if not exists tags text[] default array[]::text[],
    add column if not exists language text,
    add column if not exists "isPublic" boolean not null default true,
    add column if not exists "viewCount" integer not null default 0,
    add column if not exists "likeCount" integer not null default 0,
    add column if not exists "createdAt" timestamp(3) not null default current_timestamp,
    add column if not exists "updatedAt" timestamp(3) not null default current_timestamp;

alter table comments
    add column if not exists "createdAt" timestamp(3) not null default current_timestamp,
    add column if not exists "updatedAt" timestamp(3) not null default current_timestamp;

alter table likes
    add column if not exists "createdAt" timestamp(3) not null default current_timestamp;

alter table follows
    add column if not exists "createdAt" timestamp(3) not null default current_timestamp;

create unique index if not exists "user_email_key" on "user" (email);
create unique index if not exists "session_token_key" on session (token);
create unique index if not exists "likes_userId_projectId_key" on likes ("userId", "projectId");
create unique index if not exists "follows_followerId_followingId_key" on follows ("followerId", "followingId");

do $$
declare
    reference record;
begin
    for reference in
        select "table", "column", "target"
        from "expectedReference"
        join pg_attribute on attrelid = to_regclass(quote_ident("table")) and attname = "column"
        where not exists (
            select from pg_constraint where conrelid = attrelid and contype = 'f' and conkey = array[attnum]
        )
    loop
        execute format(
            'alter table %I add constraint %I foreign key (%I) references %I (id) on delete cascade on update cascade',
            reference."table", reference."table" || '_' || reference."column" || '_fkey',
            reference."column", reference."target");
    end loop;
end
$$;

drop table "expectedColumn", "expectedReference", "expectedUnique";
