-- A trigger stores the text that searches look through, instead of a generated column: adding a column of that kind writes the
-- whole table anew under a lock, which the migration of a filled database must not do. Databases that have the generated
-- column keep its contents; only the catalog changes.

create or replace function store_search_text() returns trigger
language plpgsql
as $$
begin
    new."searchText" := project_search_text(new.title, new.description, new.language, new.tags);
    return new;
end
$$;

-- accepted: `drop expression` writes no row, and the trigger follows under the same lock.
do $$
begin
    if exists (
        select from pg_attribute where attrelid = 'projects'::regclass and attname = 'searchText' and attgenerated <> ''
    ) then
        alter table projects alter column "searchText" drop expression;
        create or replace trigger "projects_search_text"
            before insert or update of title, description, language, tags, "searchText" on projects
            for each row execute function store_search_text();
        alter table projects enable always trigger "projects_search_text";
    end if;
end
$$;
