-- What `sort=relevance` needs to find a word in titles first, however many projects have it.

-- Of a partial index the planner takes no statistics, and without any it believes that every text is rare.
create statistics if not exists "projects_lower_title_stats" on (lower(title)) from projects;

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
        execute format('create index if not exists "projects_lower_title_idx" on projects using gin '
            '(lower(title) %s) where "isPublic"', trigrams);
    end if;
end
$$;
