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

-- Columns that a hand-made table lacks. "updatedAt" gets a default there, since its rows need a value. A table that lacks none is
-- not altered, because the lock alone would make every reader wait. No row is written: the defaults are constant.
-- accepted: the columns have no default, or a constant one.
do $$
declare
    incomplete record;
begin
    for incomplete in
        select "table", string_agg(format('add column %I %s', "column", definition), ', ' order by place) as actions
        from (values
            (1, 'user', 'emailVerified', 'boolean not null default false'),
            (2, 'user', 'image', 'text'),
            (3, 'user', 'createdAt', 'timestamp(3) not null default current_timestamp'),
            (4, 'user', 'updatedAt', 'timestamp(3) not null default current_timestamp'),
            (5, 'user', 'avatar', 'text'),
            (6, 'user', 'bio', 'text'),
            (7, 'user', 'website', 'text'),
            (8, 'user', 'location', 'text'),
            (9, 'user', 'company', 'text'),
            (10, 'user', 'skills', 'text[] default array[]::text[]'),
            (11, 'user', 'provider', '"AuthProvider" not null default ''GITHUB'''),
            (12, 'user', 'providerId', 'text'),
            (13, 'user', 'githubUsername', 'text'),
            (14, 'user', 'projectsCount', 'integer not null default 0'),
            (15, 'user', 'followersCount', 'integer not null default 0'),
            (16, 'user', 'followingCount', 'integer not null default 0'),
            (17, 'user', 'isActive', 'boolean not null default true'),
            (18, 'user', 'isPro', 'boolean not null default false'),
            (19, 'session', 'createdAt', 'timestamp(3) not null default current_timestamp'),
            (20, 'session', 'updatedAt', 'timestamp(3) not null default current_timestamp'),
            (21, 'session', 'ipAddress', 'text'),
            (22, 'session', 'userAgent', 'text'),
            (23, 'account', 'accessToken', 'text'),
            (24, 'account', 'refreshToken', 'text'),
            (25, 'account', 'idToken', 'text'),
            (26, 'account', 'accessTokenExpiresAt', 'timestamp(3)'),
            (27, 'account', 'refreshTokenExpiresAt', 'timestamp(3)'),
            (28, 'account', 'scope', 'text'),
            (29, 'account', 'password', 'text'),
            (30, 'account', 'createdAt', 'timestamp(3) not null default current_timestamp'),
            (31, 'account', 'updatedAt', 'timestamp(3) not null default current_timestamp'),
            (32, 'verification', 'createdAt', 'timestamp(3) not null default current_timestamp'),
            (33, 'verification', 'updatedAt', 'timestamp(3) not null default current_timestamp'),
            (34, 'projects', 'description', 'text'),
            (35, 'projects', 'content', 'text'),
            (36, 'projects', 'tags', 'text[] default array[]::text[]'),
            (37, 'projects', 'language', 'text'),
            (38, 'projects', 'isPublic', 'boolean not null default true'),
            (39, 'projects', 'viewCount', 'integer not null default 0'),
            (40, 'projects', 'likeCount', 'integer not null default 0'),
            (41, 'projects', 'createdAt', 'timestamp(3) not null default current_timestamp'),
            (42, 'projects', 'updatedAt', 'timestamp(3) not null default current_timestamp'),
            (43, 'comments', 'createdAt', 'timestamp(3) not null default current_timestamp'),
            (44, 'comments', 'updatedAt', 'timestamp(3) not null default current_timestamp'),
            (45, 'likes', 'createdAt', 'timestamp(3) not null default current_timestamp'),
            (46, 'follows', 'createdAt', 'timestamp(3) not null default current_timestamp')
        ) as expected (place, "table", "column", definition)
        where not exists (
            select from pg_attribute
            where attrelid = to_regclass(quote_ident("table")) and attname = "column" and not attisdropped
        )
        group by "table"
    loop
        execute format('alter table %I %s', incomplete."table", incomplete.actions);
    end loop;
end
$$;

-- accepted: nothing is checked here. The rows are checked later, without a lock.
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
            'alter table %I add constraint %I foreign key (%I) references %I (id) on delete cascade on update cascade '
                'not valid',
            reference."table", reference."table" || '_' || reference."column" || '_fkey',
            reference."column", reference."target");
    end loop;
end
$$;

drop table "expectedColumn", "expectedReference", "expectedUnique";
