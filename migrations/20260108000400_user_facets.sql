-- no-transaction
-- How many counted users have a skill or a location, so that the facets of users need not read all users. Triggers keep the
-- counts, as those of `projectFacet`.

create table if not exists "userFacet" (
    "isSkill" boolean not null,
    name text not null,
    count bigint not null,
    constraint "userFacet_pkey" primary key ("isSkill", name)
) with (fillfactor = 50);

-- Longer names than today's rules allow may be in old rows; an index could not hold all of them.
create or replace function user_facets(skills text[], location text) returns table ("isSkill" boolean, name text)
language sql immutable parallel safe
as $$
    select true, skill from unnest(skills) skill where char_length(skill) between 1 and 255
    union all
    select false, location where char_length(location) between 1 and 255
$$;

-- Names are counted in their order, so that two writers never wait for each other. Users who are not counted have no facets.
create or replace function count_facets_of_person() returns trigger
language plpgsql
as $$
begin
    insert into "userFacet" as stored ("isSkill", name, count)
    select moved."isSkill", moved.name, sum(moved.sign)
    from (
        select facet."isSkill", facet.name, -1 as sign
        from user_facets(old.skills, old.location) facet
        where tg_op <> 'INSERT' and is_counted(old)
        union all
        select facet."isSkill", facet.name, 1
        from user_facets(new.skills, new.location) facet
        where tg_op <> 'DELETE' and is_counted(new)
    ) moved
    group by moved."isSkill", moved.name
    having sum(moved.sign) <> 0
    order by moved."isSkill", moved.name
    on conflict ("isSkill", name) do update set count = stored.count + excluded.count;
    if tg_op <> 'INSERT' then
        delete from "userFacet"
        where name in (select facet.name from user_facets(old.skills, old.location) facet) and count = 0;
    end if;
    return null;
end
$$;

create or replace trigger "user_facets_inserted"
    after insert on "user"
    for each row
    when (new.skills <> '{}' or new.location <> '')
    execute function count_facets_of_person();

create or replace trigger "user_facets_changed"
    after update of skills, location, "isActive", banned on "user"
    for each row
    when (
        (old.skills, old.location, old."isActive", old.banned)
            is distinct from (new.skills, new.location, new."isActive", new.banned)
    )
    execute function count_facets_of_person();

create or replace trigger "user_facets_deleted"
    after delete on "user"
    for each row
    when (old.skills <> '{}' or old.location <> '')
    execute function count_facets_of_person();

-- The counts of all skills and locations, counted from the users.
create or replace function counted_user_facets() returns setof "userFacet"
language sql stable
as $$
    select facet."isSkill", facet.name, count(*)
    from "user" u
    cross join lateral user_facets(u.skills, u.location) facet
    where is_counted(u)
    group by facet."isSkill", facet.name
$$;

-- The triggers count from here on. One statement finds what the counts lack, on one snapshot of users and counts; it is then added
-- in batches. A later run finds it anew, so this may end at any point.
create unlogged table if not exists "userFacetCorrection" (like "userFacet");

delete from "userFacetCorrection";

insert into "userFacetCorrection" ("isSkill", name, count)
select "isSkill", name, coalesce(counted.count, 0) - coalesce(stored.count, 0)
from counted_user_facets() counted
full join "userFacet" stored using ("isSkill", name)
where coalesce(counted.count, 0) <> coalesce(stored.count, 0);

-- batches
with due as (
    select ctid from "userFacetCorrection" order by "isSkill", name limit $2::integer
),
taken as (
    delete from "userFacetCorrection"
    where ctid = any (array(select ctid from due))
    returning "isSkill", name, count
),
added as (
    insert into "userFacet" as stored ("isSkill", name, count)
    select "isSkill", name, count
    from taken
    order by "isSkill", name
    on conflict ("isSkill", name) do update set count = stored.count + excluded.count
)
select case when count(*) > 0 then coalesce($1::text, '') end, count(*)
from taken;

drop table "userFacetCorrection";
