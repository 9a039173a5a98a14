-- no-transaction
-- How many public projects have a tag or a language, so that the facets of all projects need not read all projects. Projects
-- are written, and users switched off, by several functions and by the Node application, so triggers keep the counts: of
-- projects of users who are neither deactivated nor banned. A ban that has run out but was not lifted yet still counts
-- here as a ban; the answers add those projects.

create table if not exists "projectFacet" (
    "isTag" boolean not null,
    name text not null,
    count bigint not null,
    constraint "projectFacet_pkey" primary key ("isTag", name)
) with (fillfactor = 50);

-- Longer names than today's rules allow may be in old rows; an index could not hold all of them.
create or replace function project_facets(tags text[], language text) returns table ("isTag" boolean, name text)
language sql immutable parallel safe
as $$
    select true, tag from unnest(tags) tag where char_length(tag) between 1 and 255
    union all
    select false, language where char_length(language) between 1 and 255
$$;

-- Users are locked before they are asked, so that nobody is switched on or off between the question and the count; names
-- are counted in their order, so that two writers never wait for each other.
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
    return null;
end
$$;

-- A user was switched on or off, or deleted; in the latter case the projects are still there.
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
    return null;
end
$$;

create or replace trigger "projects_facets_inserted"
    after insert on projects
    referencing new table as changed
    for each statement execute function count_facets_of_projects();

create or replace trigger "projects_facets_deleted"
    after delete on projects
    referencing old table as changed
    for each statement execute function count_facets_of_projects();

create or replace trigger "projects_facets_changed"
    after update of tags, language, "isPublic" on projects
    for each row
    when ((old.tags, old.language, old."isPublic") is distinct from (new.tags, new.language, new."isPublic"))
    execute function count_facets_of_changed_project();

create or replace trigger "user_facets_switched"
    after update of "isActive", banned on "user"
    for each row
    when ((old."isActive" and not coalesce(old.banned, false)) <> (new."isActive" and not coalesce(new.banned, false)))
    execute function count_facets_of_user();

-- Triggers fire in the order of their names, and this one must come before the foreign keys' RI_ConstraintTrigger.
create or replace trigger "Count_facets_of_deleted_user"
    after delete on "user"
    for each row
    when (old."isActive" and not coalesce(old.banned, false))
    execute function count_facets_of_user();

-- The triggers count from here on. One statement finds what the counts lack, on one snapshot of projects and counts; it is then
-- added in batches. A later run finds it anew, so this may end at any point.
create unlogged table if not exists "facetCorrection" (
    "isTag" boolean not null,
    name text not null,
    count bigint not null
);

delete from "facetCorrection";

insert into "facetCorrection" ("isTag", name, count)
select "isTag", name, coalesce(counted.count, 0) - coalesce(stored.count, 0)
from (
    select facet."isTag", facet.name, count(*)
    from projects p
    join "user" u on u.id = p."authorId"
    cross join lateral project_facets(p.tags, p.language) facet
    where p."isPublic" and u."isActive" and not coalesce(u.banned, false)
    group by facet."isTag", facet.name
) counted
full join "projectFacet" stored using ("isTag", name)
where coalesce(counted.count, 0) <> coalesce(stored.count, 0);

-- batches
with due as (
    select ctid from "facetCorrection" order by "isTag", name limit $2::integer
),
taken as (
    delete from "facetCorrection" where ctid = any (array(select ctid from due)) returning "isTag", name, count
),
added as (
    insert into "projectFacet" as stored ("isTag", name, count)
    select "isTag", name, count
    from taken
    order by "isTag", name
    on conflict ("isTag", name) do update set count = stored.count + excluded.count
)
select case when count(*) > 0 then coalesce($1::text, '') end, count(*)
from taken;

drop table "facetCorrection";
