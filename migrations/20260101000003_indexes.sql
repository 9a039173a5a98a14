-- no-transaction
-- Indexes of the queries, named after table and columns. Lists are read in either direction, so an ascending index
-- serves `order by … desc` as long as all its columns are descending. Those of projects are built after the backfills, by
-- 20260107020100_folding_indexes.sql.

-- Functions that an index needs. They use nothing outside pg_catalog, so that a dump restores under any search path.
create or replace function lower_all(items text[]) returns text[]
language sql immutable strict parallel safe
as $$ select lower(items::text)::text[] $$;

-- A search term holds no white space, so in texts joined by line breaks it is found exactly where one of them holds it.
create or replace function project_search_text(title text, description text, language text, tags text[]) returns text
language sql immutable parallel safe
as $$ select lower(concat_ws(e'\n', title, description, language, array_to_string(tags, e'\n'))) $$;

create or replace function user_search_text(name text, github_username text, skills text[]) returns text
language sql immutable parallel safe
as $$ select lower(concat_ws(e'\n', name, github_username, array_to_string(skills, e'\n'))) $$;

create unique index concurrently if not exists "user_email_key" on "user" (email);
create unique index concurrently if not exists "session_token_key" on session (token);
create unique index concurrently if not exists "likes_userId_projectId_key" on likes ("userId", "projectId");
create unique index concurrently if not exists "follows_followerId_followingId_key"
    on follows ("followerId", "followingId");
create unique index concurrently if not exists "rateLimit_key_key" on "rateLimit" (key);

-- The foreign keys that a hand-made database lacked.
-- gexec
select format('alter table %s validate constraint %I', conrelid::regclass, conname)
from pg_constraint
where contype = 'f' and not convalidated and connamespace = to_regnamespace(current_schema())
order by conname;

create index concurrently if not exists "session_userId_idx" on session ("userId");
create index concurrently if not exists "account_userId_idx" on account ("userId");
create index concurrently if not exists "verification_identifier_idx" on verification (identifier);
create index concurrently if not exists "verification_expiresAt_idx" on verification ("expiresAt");

-- The Node server may have written one account twice. Then the rows stay, and the index is a plain one.
-- gexec
select case
    when exists (select from account group by "providerId", "accountId" having count(*) > 1) then
        'create index concurrently if not exists "account_providerId_accountId_idx" on account ("providerId", "accountId")'
    else
        'create unique index concurrently if not exists "account_providerId_accountId_key" '
            'on account ("providerId", "accountId")'
end;

create unique index concurrently if not exists "apikey_key_key" on apikey (key);
create index concurrently if not exists "apikey_referenceId_idx" on apikey ("referenceId");
create index concurrently if not exists "apikey_expiresAt_idx" on apikey ("expiresAt");

create index concurrently if not exists "user_createdAt_id_idx" on "user" ("createdAt", id) where "isActive";
create index concurrently if not exists "user_followersCount_id_idx" on "user" ("followersCount", id) where "isActive";
-- The few users whom lists and counts leave out.
create index concurrently if not exists "user_id_inactive_idx" on "user" (id) where not "isActive";

-- With the author, so that comments of active authors are counted from the index alone.
create index concurrently if not exists "comments_projectId_createdAt_id_idx"
    on comments ("projectId", "createdAt", id) include ("authorId");
create index concurrently if not exists "comments_authorId_createdAt_id_idx" on comments ("authorId", "createdAt", id);

create index concurrently if not exists "likes_projectId_createdAt_id_idx" on likes ("projectId", "createdAt", id);
create index concurrently if not exists "likes_userId_createdAt_id_idx" on likes ("userId", "createdAt", id);

create index concurrently if not exists "follows_followerId_createdAt_id_idx" on follows ("followerId", "createdAt", id);
create index concurrently if not exists "follows_followingId_createdAt_id_idx" on follows ("followingId", "createdAt", id);

create index concurrently if not exists "projectView_day_idx" on "projectView" (day);
create index concurrently if not exists "idempotencyKey_createdAt_idx" on "idempotencyKey" ("createdAt");
create index concurrently if not exists "quota_resetAt_idx" on quota ("resetAt");
create index concurrently if not exists "upload_userId_idx" on upload ("userId");
create index concurrently if not exists "upload_projectId_createdAt_id_idx" on upload ("projectId", "createdAt", id);
create index concurrently if not exists "upload_createdAt_idx" on upload ("createdAt") where status = 'pending';

-- Text search works without the extension, only slower, so a server that does not allow it is no obstacle.
do $$
begin
    create extension if not exists pg_trgm;
exception
    when insufficient_privilege or undefined_file or feature_not_supported then
        raise warning 'searches will read whole tables, since pg_trgm cannot be installed: %', sqlerrm;
end
$$;
