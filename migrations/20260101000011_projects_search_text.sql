-- The text that searches look through, stored: made anew for each row that an index has found it costs ten times as much.
-- Adding it writes the table anew, about ten seconds for a million projects.

alter table projects add column if not exists "searchText" text
    generated always as (project_search_text(title, description, language, tags)) stored;

do $$
declare
    trigrams text;
begin
    -- The extension may live in a schema that is not on the search path.
    select format('%I.gin_trgm_ops', nspname) into trigrams
    from pg_extension
    join pg_namespace on pg_namespace.oid = extnamespace
    where extname = 'pg_trgm';

    if trigrams is not null then
        drop index if exists "projects_search_text_idx";
        execute format('create index if not exists "projects_searchText_idx" on projects using gin '
            '("searchText" %s) where "isPublic"', trigrams);
    end if;
end
$$;
