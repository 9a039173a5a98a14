-- Columns and tables of the Better Auth plugins for administration, API keys and rate limits in the database. The names
-- and types are the plugins' own, so that the Node server could switch them on, or may have done so.

set local client_min_messages = warning;

alter table "user"
    add column if not exists role text default 'user',
    add column if not exists banned boolean default false,
    add column if not exists "banReason" text,
    add column if not exists "banExpires" timestamp(3);

alter table session
    add column if not exists "impersonatedBy" text;

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

alter table apikey
    add column if not exists name text,
    add column if not exists start text,
    add column if not exists prefix text,
    add column if not exists "refillInterval" integer,
    add column if not exists "refillAmount" integer,
    add column if not exists "lastRefillAt" timestamp(3),
    add column if not exists "rateLimitTimeWindow" integer,
    add column if not exists "rateLimitMax" integer,
    add column if not exists remaining integer,
    add column if not exists "lastRequest" timestamp(3),
    add column if not exists "expiresAt" timestamp(3),
    add column if not exists permissions text,
    add column if not exists metadata text;

-- Counters may be lost in a crash, and half-full pages let an update stay on its page. "lastRequest" is in milliseconds.
create unlogged table if not exists "rateLimit" (
    id text not null,
    key text not null,
    count integer not null,
    "lastRequest" bigint not null,
    constraint "rateLimit_pkey" primary key (id)
) with (fillfactor = 50);

create unique index if not exists "rateLimit_key_key" on "rateLimit" (key);
