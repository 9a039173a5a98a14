-- Columns and tables of the Better Auth plugins for administration, API keys and rate limits in the database. The names
-- and types are the plugins' own, so that the Node server could switch them on, or may have done so.

set local client_min_messages = warning;

-- "referenceId" is a user's id without a foreign key, as in the plugin: the key of a user who is gone has an answer of
-- its own. Whoever deletes a user deletes the keys in the same transaction.
create table if not exists apikey (
    id text not null,
    "configId" text not null default 'default',
    name text,
    start text,
    "referenceId" text not null,
    prefix text,
    key text not null,
    "refillInterval" integer,
    "refillAmount" integer,
    "lastRefillAt" timestamp(3),
    enabled boolean not null default true,
    "rateLimitEnabled" boolean not null default true,
    "rateLimitTimeWindow" integer,
    "rateLimitMax" integer,
    "requestCount" integer not null default 0,
    remaining integer,
    "lastRequest" timestamp(3),
    "expiresAt" timestamp(3),
    "createdAt" timestamp(3) not null default current_timestamp,
    "updatedAt" timestamp(3) not null,
    permissions text,
    metadata text,
    constraint "apikey_pkey" primary key (id)
);

-- Columns that the tables lack. A table that lacks none is not altered, because the lock alone would make every reader wait.
-- accepted: the columns have no default, or a constant one.
do $$
declare
    incomplete record;
begin
    for incomplete in
        select "table", string_agg(format('add column %I %s', "column", definition), ', ' order by place) as actions
        from (values
            (1, 'user', 'role', 'text default ''user'''),
            (2, 'user', 'banned', 'boolean default false'),
            (3, 'user', 'banReason', 'text'),
            (4, 'user', 'banExpires', 'timestamp(3)'),
            (5, 'session', 'impersonatedBy', 'text'),
            (6, 'apikey', 'name', 'text'),
            (7, 'apikey', 'start', 'text'),
            (8, 'apikey', 'prefix', 'text'),
            (9, 'apikey', 'refillInterval', 'integer'),
            (10, 'apikey', 'refillAmount', 'integer'),
            (11, 'apikey', 'lastRefillAt', 'timestamp(3)'),
            (12, 'apikey', 'rateLimitTimeWindow', 'integer'),
            (13, 'apikey', 'rateLimitMax', 'integer'),
            (14, 'apikey', 'remaining', 'integer'),
            (15, 'apikey', 'lastRequest', 'timestamp(3)'),
            (16, 'apikey', 'expiresAt', 'timestamp(3)'),
            (17, 'apikey', 'permissions', 'text'),
            (18, 'apikey', 'metadata', 'text')
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

-- Counters may be lost in a crash, and half-full pages let an update stay on its page. "lastRequest" is in milliseconds.
create unlogged table if not exists "rateLimit" (
    id text not null,
    key text not null,
    count integer not null,
    "lastRequest" bigint not null,
    constraint "rateLimit_pkey" primary key (id)
) with (fillfactor = 50);
