-- What is kept about rows stays right when a script empties tables by `truncate`, for which no trigger of a row or of a deletion
-- fires.

create or replace function forget_project_facets() returns trigger
language plpgsql
as $$
begin
    delete from "projectFacet";
    return null;
end
$$;

create or replace trigger "projects_facets_truncated"
    after truncate on projects
    for each statement
    execute function forget_project_facets();

create or replace function forget_user_facets() returns trigger
language plpgsql
as $$
begin
    delete from "userFacet";
    return null;
end
$$;

create or replace trigger "user_facets_truncated"
    after truncate on "user"
    for each statement
    execute function forget_user_facets();

-- The clock always has its row: writers read it, so that without it every new project would fail. Where all tables were emptied,
-- the kept counts are exact as of now.
create or replace function restore_window_clock() returns trigger
language plpgsql
as $$
begin
    insert into "windowClock" (until) values (now() at time zone 'utc') on conflict do nothing;
    return null;
end
$$;

create or replace trigger "windowClock_restored"
    after delete or truncate on "windowClock"
    for each statement
    execute function restore_window_clock();
