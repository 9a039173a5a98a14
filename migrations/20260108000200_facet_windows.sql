-- no-transaction
-- How many of the counted projects of a tag or a language are new: created within the last 24 hours, 7 days and 30 days, and
-- within as long a time before. They are kept as the scores of `sort=trending` are, as of the time of the clock.

alter table "projectFacet"
    add column if not exists day bigint not null default 0,
    add column if not exists "previousDay" bigint not null default 0,
    add column if not exists week bigint not null default 0,
    add column if not exists "previousWeek" bigint not null default 0,
    add column if not exists month bigint not null default 0,
    add column if not exists "previousMonth" bigint not null default 0;

-- The windows that contain a time, as of the time of the clock.
create or replace function window_flags(at timestamp, kept timestamp) returns table (
    day integer, "previousDay" integer, week integer, "previousWeek" integer, month integer, "previousMonth" integer
)
language sql immutable parallel safe rows 1
as $$
    select
        (at > kept - interval '24 hours')::integer,
        (at > kept - interval '48 hours' and at <= kept - interval '24 hours')::integer,
        (at > kept - interval '7 days')::integer,
        (at > kept - interval '14 days' and at <= kept - interval '7 days')::integer,
        (at > kept - interval '30 days')::integer,
        (at > kept - interval '60 days' and at <= kept - interval '30 days')::integer
$$;

-- Adds counts to those of tags and languages. Names are counted in their order, so that two writers never wait for each other.
create or replace function add_facets(added "projectFacet"[]) returns void
language sql
as $$
    insert into "projectFacet" as stored
        ("isTag", name, count, day, "previousDay", week, "previousWeek", month, "previousMonth")
    select "isTag", name, count, day, "previousDay", week, "previousWeek", month, "previousMonth"
    from unnest(added)
    where (count, day, "previousDay", week, "previousWeek", month, "previousMonth") <> (0, 0, 0, 0, 0, 0, 0)
    order by "isTag", name
    on conflict ("isTag", name) do update
    set count = stored.count + excluded.count,
        day = stored.day + excluded.day,
        "previousDay" = stored."previousDay" + excluded."previousDay",
        week = stored.week + excluded.week,
        "previousWeek" = stored."previousWeek" + excluded."previousWeek",
        month = stored.month + excluded.month,
        "previousMonth" = stored."previousMonth" + excluded."previousMonth"
$$;

create or replace function count_facets_of_projects() returns trigger
language plpgsql
as $$
declare
    sign constant integer := case tg_op when 'INSERT' then 1 else -1 end;
    kept timestamp;
begin
    perform id from "user" where id in (select "authorId" from changed where "isPublic") order by id for share;
    if not found then
        return null;
    end if;
    kept := read_window_clock(exists (
        select from changed where "createdAt" < now() at time zone 'utc' - interval '23 hours'
    ));
    perform add_facets(array(
        select row(facet."isTag", facet.name, sign * count(*),
            sign * sum(flag.day), sign * sum(flag."previousDay"),
            sign * sum(flag.week), sign * sum(flag."previousWeek"),
            sign * sum(flag.month), sign * sum(flag."previousMonth"))::"projectFacet"
        from changed
        join "user" u on u.id = changed."authorId"
        cross join lateral window_flags(changed."createdAt", kept) flag
        cross join lateral project_facets(changed.tags, changed.language) facet
        where changed."isPublic" and is_counted(u)
        group by facet."isTag", facet.name
    ));
    if tg_op = 'DELETE' then
        perform erase_facets(array(
            select facet.name from changed cross join lateral project_facets(changed.tags, changed.language) facet
        ));
    end if;
    return null;
end
$$;

-- A former author who does not exist any more has another id now.
create or replace function count_facets_of_changed_project() returns trigger
language plpgsql
as $$
declare
    former text := old."authorId";
    kept timestamp;
begin
    perform id from "user" where id in (old."authorId", new."authorId") order by id for share;
    if not exists (select from "user" where id = former) then
        former := new."authorId";
    end if;
    kept := read_window_clock(true);
    perform add_facets(array(
        select row("isTag", moved.name, sum(sign),
            sum(sign * flag.day), sum(sign * flag."previousDay"),
            sum(sign * flag.week), sum(sign * flag."previousWeek"),
            sum(sign * flag.month), sum(sign * flag."previousMonth"))::"projectFacet"
        from (
            select facet."isTag", facet.name, -1 as sign, old."createdAt" as at, former as author
            from project_facets(old.tags, old.language) facet
            where old."isPublic"
            union all
            select facet."isTag", facet.name, 1, new."createdAt", new."authorId"
            from project_facets(new.tags, new.language) facet
            where new."isPublic"
        ) moved
        join "user" u on u.id = moved.author
        cross join lateral window_flags(moved.at, kept) flag
        where is_counted(u)
        group by moved."isTag", moved.name
    ));
    perform erase_facets(array(select facet.name from project_facets(old.tags, old.language) facet));
    return null;
end
$$;

create or replace trigger "projects_facets_changed"
    after update of tags, language, "isPublic", "authorId", "createdAt" on projects
    for each row
    when (
        (old.tags, old.language, old."isPublic", old."authorId", old."createdAt")
            is distinct from (new.tags, new.language, new."isPublic", new."authorId", new."createdAt")
    )
    execute function count_facets_of_changed_project();

create or replace function count_facets_of_user() returns trigger
language plpgsql
as $$
declare
    sign integer := -1;
    -- A new id has reached the projects before this trigger.
    author constant text := case tg_op when 'UPDATE' then new.id else old.id end;
    kept timestamp;
begin
    if tg_op = 'UPDATE' then
        sign := case when is_counted(new) then 1 else -1 end;
    end if;
    kept := read_window_clock(true);
    perform add_facets(array(
        select row(facet."isTag", facet.name, sign * count(*),
            sign * sum(flag.day), sign * sum(flag."previousDay"),
            sign * sum(flag.week), sign * sum(flag."previousWeek"),
            sign * sum(flag.month), sign * sum(flag."previousMonth"))::"projectFacet"
        from projects p
        cross join lateral window_flags(p."createdAt", kept) flag
        cross join lateral project_facets(p.tags, p.language) facet
        where p."authorId" = author and p."isPublic"
        group by facet."isTag", facet.name
    ));
    if sign = -1 then
        perform erase_facets(array(
            select facet.name
            from projects p
            cross join lateral project_facets(p.tags, p.language) facet
            where p."authorId" = author
        ));
    end if;
    return null;
end
$$;

-- The counts of all tags and languages, counted from the projects as of a time.
create or replace function counted_facets(kept timestamp) returns setof "projectFacet"
language sql stable
as $$
    select facet."isTag", facet.name, count(*),
        sum(flag.day), sum(flag."previousDay"),
        sum(flag.week), sum(flag."previousWeek"),
        sum(flag.month), sum(flag."previousMonth")
    from projects p
    join "user" u on u.id = p."authorId"
    cross join lateral window_flags(p."createdAt", kept) flag
    cross join lateral project_facets(p.tags, p.language) facet
    where p."isPublic" and is_counted(u)
    group by facet."isTag", facet.name
$$;

-- Moves the counts of projects that leave a window between two times.
create or replace function move_facets(since timestamp, target timestamp) returns void
language sql
as $$
    select add_facets(array(
        select row(facet."isTag", facet.name, 0,
            sum(later.day - earlier.day), sum(later."previousDay" - earlier."previousDay"),
            sum(later.week - earlier.week), sum(later."previousWeek" - earlier."previousWeek"),
            sum(later.month - earlier.month), sum(later."previousMonth" - earlier."previousMonth"))::"projectFacet"
        from (
            select p.id
            from unnest(
                '{24 hours,48 hours,7 days,14 days,30 days,60 days}'::interval[]
            ) as span (size)
            cross join lateral (
                select id
                from projects
                where "isPublic" and "createdAt" > since - span.size and "createdAt" <= target - span.size
            ) p
            group by p.id
        ) crossing
        join projects p on p.id = crossing.id
        join "user" u on u.id = p."authorId"
        cross join lateral window_flags(p."createdAt", since) earlier
        cross join lateral window_flags(p."createdAt", target) later
        cross join lateral project_facets(p.tags, p.language) facet
        where is_counted(u)
        group by facet."isTag", facet.name
    ))
$$;

-- Moves the clock towards now, at most by `max_step`, and counts off what leaves a window on the way. Returns whether it has to
-- go on.
create or replace function move_window_clock(max_step interval) returns boolean
language plpgsql
as $$
declare
    current constant timestamp := now() at time zone 'utc';
    since timestamp;
    target timestamp;
begin
    select until into strict since from "windowClock" for update;
    target := least(current, since + max_step);
    if target <= since then
        return false;
    end if;
    perform move_trends(since, target);
    perform move_facets(since, target);
    update "windowClock" set until = target;
    return target < current;
end
$$;

-- Writers that started with the functions of before have ended when these locks were obtained. They are released at once.
-- accepted: each is held for a moment.
lock table projects in share row exclusive mode;
-- accepted: each is held for a moment.
lock table "user" in share row exclusive mode;

-- The triggers count the windows from here on. One statement finds what the counts lack, on one snapshot of projects, counts and
-- clock; it is then added in batches. A later run finds it anew, so this may end at any point.
create unlogged table if not exists "facetCorrection" (like "projectFacet");

delete from "facetCorrection";

insert into "facetCorrection" ("isTag", name, count, day, "previousDay", week, "previousWeek", month, "previousMonth")
select
    "isTag",
    name,
    coalesce(counted.count, 0) - coalesce(stored.count, 0),
    coalesce(counted.day, 0) - coalesce(stored.day, 0),
    coalesce(counted."previousDay", 0) - coalesce(stored."previousDay", 0),
    coalesce(counted.week, 0) - coalesce(stored.week, 0),
    coalesce(counted."previousWeek", 0) - coalesce(stored."previousWeek", 0),
    coalesce(counted.month, 0) - coalesce(stored.month, 0),
    coalesce(counted."previousMonth", 0) - coalesce(stored."previousMonth", 0)
from (
    select counted.*
    from "windowClock" clock
    cross join lateral counted_facets(clock.until) counted
) counted
full join "projectFacet" stored using ("isTag", name);

-- batches
with due as (
    select ctid from "facetCorrection" order by "isTag", name limit $2::integer
),
taken as (
    delete from "facetCorrection" where ctid = any (array(select ctid from due)) returning *
)
select
    case when count(*) > 0 then coalesce($1::text, '') end,
    count(*),
    add_facets(array_agg(
        row(taken."isTag", taken.name, taken.count, taken.day, taken."previousDay", taken.week, taken."previousWeek",
            taken.month, taken."previousMonth")::"projectFacet"
    ))
from taken;

drop table "facetCorrection";
