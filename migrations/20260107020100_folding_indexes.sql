-- no-transaction
-- The indexes of projects. They are built here, after the backfills, which would otherwise have to maintain them.
create index concurrently if not exists "projects_updatedAt_id_idx" on projects ("updatedAt", id) where "isPublic";
create index concurrently if not exists "projects_likeCount_createdAt_id_idx"
    on projects ("likeCount", "createdAt", id) where "isPublic";
create index concurrently if not exists "projects_viewCount_createdAt_id_idx"
    on projects ("viewCount", "createdAt", id) where "isPublic";
create index concurrently if not exists "projects_commentCount_createdAt_id_idx"
    on projects ("commentCount", "createdAt", id) where "isPublic";
create index concurrently if not exists "projects_authorId_createdAt_id_idx" on projects ("authorId", "createdAt", id);
create index concurrently if not exists "projects_tags_idx" on projects using gin (tags);

-- What `sort=trending` asks of a public project, without its row: every like and comment of the last days is looked up.
create index concurrently if not exists "projects_id_public_idx"
    on projects (id) include ("authorId", "createdAt") where "isPublic";

-- Feeds look among the newest of all first: whose it is must be in the index, and the order must be whole.
create index concurrently if not exists "projects_createdAt_id_public_idx"
    on projects ("createdAt", id) include ("authorId") where "isPublic";

-- The feed of somebody who follows thousands reads the newest public projects of each of them from the index alone.
create index concurrently if not exists "projects_authorId_createdAt_id_public_idx"
    on projects ("authorId", "createdAt", id) where "isPublic";

-- The caller's own profile counts their private projects on each request. Without an index of these alone, PostgreSQL reads
-- every project of the author.
create index concurrently if not exists "projects_authorId_private_idx" on projects ("authorId") where not "isPublic";

-- The indexes of comparisons that ignore case, over folded texts. They replace those over lowered texts.
create index concurrently if not exists "user_fold_githubUsername_idx" on "user" (fold("githubUsername"));
create index concurrently if not exists "user_fold_skills_idx" on "user" using gin (fold_all(skills));
create index concurrently if not exists "projects_fold_language_createdAt_id_idx"
    on projects (fold(language), "createdAt", id) where "isPublic";
create index concurrently if not exists "projects_fold_tags_idx" on projects using gin (fold_all(tags));

-- The extension may be missing, and it may live in a schema that is not on the search path.
-- gexec
select format(index, quote_ident(nspname) || '.gin_trgm_ops')
from pg_extension
join pg_namespace on pg_namespace.oid = extnamespace
cross join unnest(array[
    'create index concurrently if not exists "projects_searchText_idx" on projects using gin '
        '("searchText" %s) where "isPublic"',
    'create index concurrently if not exists "user_folded_text_idx" on "user" using gin '
        '(user_folded_text(name, "githubUsername", skills) %s) where "isActive"',
    'create index concurrently if not exists "user_fold_location_idx" on "user" using gin '
        '(fold(location) %s) where "isActive"',
    'create index concurrently if not exists "projects_fold_title_idx" on projects using gin '
        '(fold(title) %s) where "isPublic"'
]) index
where extname = 'pg_trgm';

-- Older databases have these.
drop index concurrently if exists "projects_createdAt_id_idx";
drop index concurrently if exists "likes_createdAt_idx";
drop index concurrently if exists "comments_createdAt_idx";
drop index concurrently if exists "projects_search_text_idx";
drop index concurrently if exists "user_lower_githubUsername_idx";
drop index concurrently if exists "user_lower_skills_idx";
drop index concurrently if exists "user_search_text_idx";
drop index concurrently if exists "user_lower_location_idx";
drop index concurrently if exists "projects_lower_language_createdAt_id_idx";
drop index concurrently if exists "projects_lower_title_idx";

-- Of partial indexes the planner takes no statistics, and without any it believes that every text is rare.
create statistics if not exists "user_folded_text_stats"
    on (user_folded_text(name, "githubUsername", skills)) from "user";
create statistics if not exists "user_fold_location_stats" on (fold(location)) from "user";
create statistics if not exists "projects_fold_language_stats" on (fold(language)) from projects;
create statistics if not exists "projects_fold_title_stats" on (fold(title)) from projects;

drop statistics if exists
    "user_search_text_stats", "user_lower_location_stats", "projects_lower_language_stats", "projects_lower_title_stats";
