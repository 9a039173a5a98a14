-- no-transaction
-- Deleted things leave nothing behind in tables that have no foreign key to them. Triggers do it, so that it holds for every
-- program that deletes, and for rows that a foreign key deletes.

create index concurrently if not exists "projectView_viewer_idx" on "projectView" (viewer);
create index concurrently if not exists "session_impersonatedBy_idx" on session ("impersonatedBy") where "impersonatedBy" is not null;

create or replace function erase_user() returns trigger
language plpgsql
as $$
begin
    -- The counters of the rate limits by user. No request depends on their table.
    begin
        delete from quota where key in ('read:user:' || old.id, 'write:user:' || old.id, 'create:user:' || old.id);
    exception
        when undefined_table or insufficient_privilege then
            raise warning 'the counters of a deleted user cannot be removed: %', sqlerrm;
    end;
    delete from "projectView" where viewer = old.id;
    -- Sessions of others that the user has opened as an admin.
    delete from session where "impersonatedBy" = old.id;
    -- Values are JSON objects, or the id alone. Rows live for minutes, so there are few.
    delete from verification
    where value in (old.id, old.email)
        or strpos(value, to_json(old.id)::text) > 0
        or strpos(value, to_json(old.email)::text) > 0
        or identifier = old.email
        or (old.email <> '' and right(identifier, length(old.email) + 1) in (':' || old.email, '-' || old.email));
    return null;
end
$$;

create or replace trigger "user_erased"
    after delete on "user"
    for each row execute function erase_user();

-- A stored response repeats what it was about. Its record stays without the body, so that a late retry makes nothing anew.
create or replace function erase_stored_responses() returns trigger
language plpgsql
as $$
begin
    update "idempotencyKey" k
    set body = null
    from gone
    where k."userId" = gone."authorId" and k.location = '/' || tg_table_name || '/' || gone.id;
    return null;
end
$$;

create or replace trigger "comments_responses_erased"
    after delete on comments
    referencing old table as gone
    for each statement execute function erase_stored_responses();

create or replace trigger "projects_responses_erased"
    after delete on projects
    referencing old table as gone
    for each statement execute function erase_stored_responses();

-- Facets that no project has any more. Counting has locked the rows; a concurrent writer that waits for one inserts it anew.
create or replace function erase_facets(names text[]) returns void
language sql
as $$
    delete from "projectFacet" where name = any (names) and count = 0
$$;

create or replace function count_facets_of_projects() returns trigger
language plpgsql
as $$
begin
    with author as (
        select id, "isActive" and not coalesce(banned, false) as counts
        from "user"
        where id in (select "authorId" from changed where "isPublic")
        order by id
        for share
    )
    insert into "projectFacet" as stored ("isTag", name, count)
    select facet."isTag", facet.name, count(*) * case tg_op when 'INSERT' then 1 else -1 end
    from changed
    join author on author.id = changed."authorId"
    cross join lateral project_facets(changed.tags, changed.language) facet
    where changed."isPublic" and author.counts
    group by facet."isTag", facet.name
    order by facet."isTag", facet.name
    on conflict ("isTag", name) do update set count = stored.count + excluded.count;
    if tg_op = 'DELETE' then
        perform erase_facets(array(
            select facet.name from changed cross join lateral project_facets(changed.tags, changed.language) facet
        ));
    end if;
    return null;
end
$$;

create or replace function count_facets_of_changed_project() returns trigger
language plpgsql
as $$
begin
    perform id from "user" where id = new."authorId" for share;
    insert into "projectFacet" as stored ("isTag", name, count)
    select "isTag", name, sum(sign)
    from (
        select facet."isTag", facet.name, -1 as sign
        from project_facets(old.tags, old.language) facet
        where old."isPublic"
        union all
        select facet."isTag", facet.name, 1
        from project_facets(new.tags, new.language) facet
        where new."isPublic"
    ) moved
    where exists (select from "user" where id = new."authorId" and "isActive" and not coalesce(banned, false))
    group by "isTag", name
    having sum(sign) <> 0
    order by "isTag", name
    on conflict ("isTag", name) do update set count = stored.count + excluded.count;
    perform erase_facets(array(select facet.name from project_facets(old.tags, old.language) facet));
    return null;
end
$$;

create or replace function count_facets_of_user() returns trigger
language plpgsql
as $$
declare
    sign integer := -1;
begin
    if tg_op = 'UPDATE' then
        sign := case when new."isActive" and not coalesce(new.banned, false) then 1 else -1 end;
    end if;
    insert into "projectFacet" as stored ("isTag", name, count)
    select facet."isTag", facet.name, count(*) * sign
    from projects p
    cross join lateral project_facets(p.tags, p.language) facet
    where p."authorId" = old.id and p."isPublic"
    group by facet."isTag", facet.name
    order by facet."isTag", facet.name
    on conflict ("isTag", name) do update set count = stored.count + excluded.count;
    if sign = -1 then
        perform erase_facets(array(
            select facet.name
            from projects p
            cross join lateral project_facets(p.tags, p.language) facet
            where p."authorId" = old.id
        ));
    end if;
    return null;
end
$$;

-- accepted: there are few of them.
delete from "projectFacet" where count = 0;

-- For the job that removes expired sessions.
create index concurrently if not exists "session_expiresAt_idx" on session ("expiresAt");
