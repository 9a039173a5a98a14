-- Indexes of the queries, named after table and columns. Lists are read in either direction, so an ascending index
-- serves `order by … desc` as long as all its columns are descending.

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

create index if not exists "session_userId_idx" on session ("userId");
create index if not exists "account_userId_idx" on account ("userId");
create index if not exists "verification_identifier_idx" on verification (identifier);
create index if not exists "verification_expiresAt_idx" on verification ("expiresAt");

-- Nothing has kept the Node server from writing one account twice: then the rows stay, and the index is a plain one.
do $$
begin
    create unique index if not exists "account_providerId_accountId_key" on account ("providerId", "accountId");
exception
    when unique_violation then
        create index if not exists "account_providerId_accountId_idx" on account ("providerId", "accountId");
end
$$;

create unique index if not exists "apikey_key_key" on apikey (key);
create index if not exists "apikey_referenceId_idx" on apikey ("referenceId");
create index if not exists "apikey_expiresAt_idx" on apikey ("expiresAt");

create index if not exists "user_createdAt_id_idx" on "user" ("createdAt", id) where "isActive";
create index if not exists "user_followersCount_id_idx" on "user" ("followersCount", id) where "isActive";
-- The few users whom lists and counts leave out.
create index if not exists "user_id_inactive_idx" on "user" (id) where not "isActive";
create index if not exists "user_lower_githubUsername_idx" on "user" (lower("githubUsername"));
create index if not exists "user_lower_skills_idx" on "user" using gin (lower_all(skills));

create index if not exists "projects_createdAt_id_idx" on projects ("createdAt", id) where "isPublic";
create index if not exists "projects_updatedAt_id_idx" on projects ("updatedAt", id) where "isPublic";
create index if not exists "projects_likeCount_createdAt_id_idx"
    on projects ("likeCount", "createdAt", id) where "isPublic";
create index if not exists "projects_viewCount_createdAt_id_idx"
    on projects ("viewCount", "createdAt", id) where "isPublic";
create index if not exists "projects_authorId_createdAt_id_idx" on projects ("authorId", "createdAt", id);
create index if not exists "projects_lower_language_createdAt_id_idx"
    on projects (lower(language), "createdAt", id) where "isPublic";
create index if not exists "projects_tags_idx" on projects using gin (tags);

-- With the author, so that comments of active authors are counted from the index alone.
create index if not exists "comments_projectId_createdAt_id_idx"
    on comments ("projectId", "createdAt", id) include ("authorId");
create index if not exists "comments_authorId_createdAt_id_idx" on comments ("authorId", "createdAt", id);
create index if not exists "comments_createdAt_idx" on comments ("createdAt") include ("projectId", "authorId");

create index if not exists "likes_projectId_createdAt_id_idx" on likes ("projectId", "createdAt", id);
create index if not exists "likes_userId_createdAt_id_idx" on likes ("userId", "createdAt", id);
create index if not exists "likes_createdAt_idx" on likes ("createdAt") include ("projectId", "userId");

create index if not exists "follows_followerId_createdAt_id_idx" on follows ("followerId", "createdAt", id);
create index if not exists "follows_followingId_createdAt_id_idx" on follows ("followingId", "createdAt", id);

create index if not exists "projectView_day_idx" on "projectView" (day);
create index if not exists "idempotencyKey_createdAt_idx" on "idempotencyKey" ("createdAt");
create index if not exists "quota_resetAt_idx" on quota ("resetAt");
create index if not exists "upload_userId_idx" on upload ("userId");
create index if not exists "upload_projectId_createdAt_id_idx" on upload ("projectId", "createdAt", id);
create index if not exists "upload_createdAt_idx" on upload ("createdAt") where status = 'pending';

-- Text search works without these, only slower, so a server that does not allow the extension is no obstacle.
do $$
declare
    trigrams text;
begin
    begin
        create extension if not exists pg_trgm;
    exception
        when insufficient_privilege or undefined_file or feature_not_supported then
            raise warning 'searches will read whole tables, since pg_trgm cannot be installed: %', sqlerrm;
    end;

    -- The extension may live in a schema that is not on the search path.
    select format('%I.gin_trgm_ops', nspname) into trigrams
    from pg_extension
    join pg_namespace on pg_namespace.oid = extnamespace
    where extname = 'pg_trgm';

    if trigrams is not null then
        execute format('create index if not exists "projects_search_text_idx" on projects using gin '
            '(project_search_text(title, description, language, tags) %s) where "isPublic"', trigrams);
        execute format('create index if not exists "user_search_text_idx" on "user" using gin '
            '(user_search_text(name, "githubUsername", skills) %s) where "isActive"', trigrams);
        execute format('create index if not exists "user_lower_location_idx" on "user" using gin '
            '(lower(location) %s) where "isActive"', trigrams);
    end if;
end
$$;
