-- The indexes of comparisons that ignore case, over folded texts. They replace those over lowered texts.
create index if not exists "user_fold_githubUsername_idx" on "user" (fold("githubUsername"));
create index if not exists "user_fold_skills_idx" on "user" using gin (fold_all(skills));
create index if not exists "projects_fold_language_createdAt_id_idx"
    on projects (fold(language), "createdAt", id) where "isPublic";
create index if not exists "projects_fold_tags_idx" on projects using gin (fold_all(tags));

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
        execute format('create index if not exists "user_folded_text_idx" on "user" using gin '
            '(user_folded_text(name, "githubUsername", skills) %s) where "isActive"', trigrams);
        execute format('create index if not exists "user_fold_location_idx" on "user" using gin '
            '(fold(location) %s) where "isActive"', trigrams);
        execute format('create index if not exists "projects_fold_title_idx" on projects using gin '
            '(fold(title) %s) where "isPublic"', trigrams);
    end if;
end
$$;

drop index if exists
    "user_lower_githubUsername_idx", "user_lower_skills_idx", "user_search_text_idx", "user_lower_location_idx",
    "projects_lower_language_createdAt_id_idx", "projects_lower_title_idx";

-- Of partial indexes the planner takes no statistics, and without any it believes that every text is rare.
create statistics if not exists "user_folded_text_stats"
    on (user_folded_text(name, "githubUsername", skills)) from "user";
create statistics if not exists "user_fold_location_stats" on (fold(location)) from "user";
create statistics if not exists "projects_fold_language_stats" on (fold(language)) from projects;
create statistics if not exists "projects_fold_title_stats" on (fold(title)) from projects;

drop statistics if exists
    "user_search_text_stats", "user_lower_location_stats", "projects_lower_language_stats", "projects_lower_title_stats";
