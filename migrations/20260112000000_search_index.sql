-- no-transaction
-- One index finds projects by words, tags and languages together, so that a search never reads all projects with a frequent tag
-- in order to find the few with a rare word among them. It replaces three indexes, and a statement with some of the
-- conditions uses it as well as it used those.

-- The extension may be missing, and it may live in a schema that is not on the search path.
-- gexec
select format(
    'create index concurrently if not exists "projects_search_idx" on projects using gin '
        '(%s fold_all(tags), (array[fold(language)]), search_keys("searchText")) where "isPublic"',
    (
        select format('"searchText" %I.gin_trgm_ops,', nspname)
        from pg_extension
        join pg_namespace on pg_namespace.oid = extnamespace
        where extname = 'pg_trgm'
    )
);

-- Tells whether a tag or a language is rare.
create index concurrently if not exists "projectFacet_fold_name_idx" on "projectFacet" (fold(name));

drop index concurrently if exists "projects_searchText_idx";
drop index concurrently if exists "projects_search_keys_idx";
drop index concurrently if exists "projects_fold_tags_idx";

-- Of partial indexes the planner takes no statistics.
create statistics if not exists "projects_fold_tags_stats" on (fold_all(tags)) from projects;
create statistics if not exists "projects_language_stats" on (array[fold(language)]) from projects;

-- It takes about 50 microseconds. With a lower cost, PostgreSQL computes it for each row of the table instead of using the index.
alter function search_keys(text) cost 1000;
