-- The text that searches look through, stored: made anew for each row that an index has found it costs ten times as much.
-- A trigger stores it, because adding a generated column would write the whole table anew under a lock.
-- 20260107020000_folding.sql fills it for the projects that exist.

alter table projects add column if not exists "searchText" text;

create or replace function store_search_text() returns trigger
language plpgsql
as $$
begin
    new."searchText" := project_search_text(new.title, new.description, new.language, new.tags);
    return new;
end
$$;

create or replace trigger "projects_search_text"
    before insert or update of title, description, language, tags, "searchText" on projects
    for each row execute function store_search_text();

-- Also for programs that load rows with triggers switched off.
alter table projects enable always trigger "projects_search_text";
