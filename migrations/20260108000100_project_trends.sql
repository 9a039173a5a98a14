-- no-transaction
-- The scores of `sort=trending`: 3 points for each like and 2 for each user who commented, without those of the author and of
-- users who are not counted. Summing them up on each request would read every like and comment of the window. A user who
-- comments twice counts once, as long as the last of the comments is within the window.

create table if not exists "projectTrend" (
    "projectId" text not null,
    -- The same as the project's, so that an index has the whole order.
    "createdAt" timestamp(3) not null,
    day integer not null,
    week integer not null,
    month integer not null,
    constraint "projectTrend_pkey" primary key ("projectId"),
    constraint "projectTrend_projectId_fkey" foreign key ("projectId")
        references projects (id) on delete cascade on update cascade
);

-- Likes were given or withdrawn. Likes on a deleted project, or by a deleted user, no longer have a row to count or to ask. Users
-- are locked before projects, projects before the clock, and the clock before scores, each in the order of their ids.
create or replace function count_likes_in_trends() returns trigger
language plpgsql
as $$
declare
    sign constant integer := case tg_op when 'INSERT' then 1 else -1 end;
    kept timestamp;
begin
    perform u.id
    from "user" u
    where u.id in (
        select changed."userId" from changed join projects p on p.id = changed."projectId"
    )
    order by u.id
    for share;
    if not found then
        return null;
    end if;
    perform p.id
    from projects p
    where p.id in (select "projectId" from changed)
    order by p.id
    for no key update;
    kept := read_window_clock(tg_op = 'DELETE' or exists (
        select from changed where "createdAt" < now() at time zone 'utc' - interval '23 hours'
    ));
    insert into "projectTrend" as trend ("projectId", "createdAt", day, week, month)
    select
        p.id,
        p."createdAt",
        3 * sign * count(*) filter (where changed."createdAt" > kept - interval '24 hours'),
        3 * sign * count(*) filter (where changed."createdAt" > kept - interval '7 days'),
        3 * sign * count(*)
    from changed
    join "user" u on u.id = changed."userId"
    join projects p on p.id = changed."projectId"
    where changed."createdAt" > kept - interval '30 days'
        and is_counted(u)
        and u.id <> p."authorId"
    group by p.id
    order by p.id
    on conflict ("projectId") do update
    set day = trend.day + excluded.day, week = trend.week + excluded.week, month = trend.month + excluded.month;
    return null;
end
$$;

-- Comments were written or deleted. The change moves the time of the last comment of a user on a project.
create or replace function count_comments_in_trends() returns trigger
language plpgsql
as $$
declare
    inserts constant boolean := tg_op = 'INSERT';
    kept timestamp;
begin
    perform u.id
    from "user" u
    where u.id in (
        select changed."authorId" from changed join projects p on p.id = changed."projectId"
    )
    order by u.id
    for share;
    if not found then
        return null;
    end if;
    perform p.id
    from projects p
    where p.id in (select "projectId" from changed)
    order by p.id
    for no key update;
    kept := read_window_clock(not inserts or exists (
        select
        from changed
        join comments c on c."authorId" = changed."authorId" and c."projectId" = changed."projectId"
        where c."createdAt" < now() at time zone 'utc' - interval '23 hours'
            and c."createdAt" > now() at time zone 'utc' - interval '60 days'
    ));
    insert into "projectTrend" as trend ("projectId", "createdAt", day, week, month)
    select
        moved.id,
        moved."createdAt",
        2 * sum((after > kept - interval '24 hours')::integer - (before > kept - interval '24 hours')::integer),
        2 * sum((after > kept - interval '7 days')::integer - (before > kept - interval '7 days')::integer),
        2 * sum((after > kept - interval '30 days')::integer - (before > kept - interval '30 days')::integer)
    from (
        select
            p.id,
            p."createdAt",
            case when inserts then other.last else greatest(other.last, pair.last) end as before,
            case when inserts then greatest(other.last, pair.last) else other.last end as after
        from (
            select "projectId", "authorId", max("createdAt") as last
            from changed
            group by "projectId", "authorId"
        ) pair
        join "user" u on u.id = pair."authorId"
        join projects p on p.id = pair."projectId"
        cross join lateral (
            select coalesce(max(c."createdAt"), timestamp '-infinity') as last
            from comments c
            where c."authorId" = pair."authorId"
                and c."projectId" = pair."projectId"
                and c."createdAt" > kept - interval '30 days'
                and c.id not in (select id from changed)
        ) other
        where is_counted(u) and u.id <> p."authorId"
    ) moved
    where after <> before
    group by moved.id, moved."createdAt"
    order by moved.id
    on conflict ("projectId") do update
    set day = trend.day + excluded.day, week = trend.week + excluded.week, month = trend.month + excluded.month;
    return null;
end
$$;

-- The scores of some projects, or of all if `ids` is null, counted from their likes and comments as of a time.
create or replace function counted_trends(ids text[], kept timestamp)
returns table ("projectId" text, "createdAt" timestamp, day integer, week integer, month integer)
language sql stable
as $$
    select
        p.id,
        p."createdAt",
        sum(act.points) filter (where act.at > kept - interval '24 hours'),
        sum(act.points) filter (where act.at > kept - interval '7 days'),
        sum(act.points)
    from (
        select l."projectId" as id, l."userId" as actor, l."createdAt" as at, 3 as points
        from likes l
        where l."createdAt" > kept - interval '30 days' and (ids is null or l."projectId" = any (ids))
        union all
        select c."projectId", c."authorId", max(c."createdAt"), 2
        from comments c
        where c."createdAt" > kept - interval '30 days' and (ids is null or c."projectId" = any (ids))
        group by c."projectId", c."authorId"
    ) act
    join "user" u on u.id = act.actor
    join projects p on p.id = act.id
    where is_counted(u) and u.id <> p."authorId"
    group by p.id
$$;

-- Counts the scores of some projects anew.
create or replace function recount_trends(ids text[]) returns void
language plpgsql
as $$
declare
    kept timestamp;
begin
    perform id from projects where id = any (ids) order by id for no key update;
    kept := read_window_clock(true);
    delete from "projectTrend" where "projectId" = any (ids);
    insert into "projectTrend" ("projectId", "createdAt", day, week, month)
    select c."projectId", c."createdAt", coalesce(c.day, 0), coalesce(c.week, 0), c.month
    from counted_trends(ids, kept) c
    order by c."projectId";
end
$$;

-- A like or a comment was moved to another time, project or user, or a project to another time or author.
create or replace function recount_trends_of_moved() returns trigger
language plpgsql
as $$
begin
    perform recount_trends(array[old."projectId", new."projectId"]);
    return null;
end
$$;

create or replace function recount_trend_of_project() returns trigger
language plpgsql
as $$
begin
    perform recount_trends(array[new.id]);
    return null;
end
$$;

-- A user was switched on or off, or deleted; in the latter case likes and comments are still there. For a user with many, the
-- projects are recounted later.
create or replace function count_trends_of_user() returns trigger
language plpgsql
as $$
declare
    max_acts constant integer := 1000;
    since constant timestamp := now() at time zone 'utc' - interval '60 days';
    sign integer := -1;
    -- A new id has reached likes and comments before this trigger.
    author constant text := case tg_op when 'UPDATE' then new.id else old.id end;
    kept timestamp;
begin
    perform from (
        (select from likes where "userId" = author and "createdAt" > since limit max_acts + 1)
        union all
        (select from comments where "authorId" = author and "createdAt" > since limit max_acts + 1)
    ) act
    offset max_acts
    limit 1;
    if found then
        insert into "commentRecount" ("projectId")
        select "projectId" from likes where "userId" = author and "createdAt" > since
        union
        select "projectId" from comments where "authorId" = author and "createdAt" > since
        order by "projectId"
        on conflict do nothing;
        return null;
    end if;
    if tg_op = 'UPDATE' then
        sign := case when is_counted(new) then 1 else -1 end;
    end if;
    perform id
    from projects
    where id in (
        select "projectId" from likes where "userId" = author and "createdAt" > since
        union
        select "projectId" from comments where "authorId" = author and "createdAt" > since
    )
    order by id
    for no key update;
    kept := read_window_clock(true);
    insert into "projectTrend" as trend ("projectId", "createdAt", day, week, month)
    select
        p.id,
        p."createdAt",
        sign * coalesce(sum(act.points) filter (where act.at > kept - interval '24 hours'), 0),
        sign * coalesce(sum(act.points) filter (where act.at > kept - interval '7 days'), 0),
        sign * sum(act.points)
    from (
        select l."projectId" as id, l."createdAt" as at, 3 as points
        from likes l
        where l."userId" = author and l."createdAt" > kept - interval '30 days'
        union all
        select c."projectId", max(c."createdAt"), 2
        from comments c
        where c."authorId" = author and c."createdAt" > kept - interval '30 days'
        group by c."projectId"
    ) act
    join projects p on p.id = act.id
    where p."authorId" <> author
    group by p.id
    order by p.id
    on conflict ("projectId") do update
    set day = trend.day + excluded.day, week = trend.week + excluded.week, month = trend.month + excluded.month;
    return null;
end
$$;

-- Recounts the comments and the scores of some projects that are out of date. Returns how many projects.
create or replace function recount_comments(max_projects integer) returns integer
language plpgsql
as $$
declare
    ids text[];
begin
    with due as (
        select "projectId" from "commentRecount" order by "projectId" limit max_projects for update skip locked
    ),
    taken as (
        delete from "commentRecount" r using due where r."projectId" = due."projectId" returning r."projectId"
    )
    select coalesce(array_agg("projectId"), '{}') into ids from taken;

    perform id from projects where id = any (ids) order by id for no key update;
    -- This statement sees everything that was committed before the locks; whoever comments later waits for them.
    update projects p
    set "commentCount" = counted.count
    from (
        select project.id, (
            select count(*)::integer
            from comments c
            join "user" u on u.id = c."authorId"
            where c."projectId" = project.id and u."isActive" and not coalesce(u.banned, false)
        ) as count
        from unnest(ids) as project (id)
    ) counted
    where p.id = counted.id and p."commentCount" <> counted.count;
    perform recount_trends(ids);
    return cardinality(ids);
end
$$;

-- Counts off the likes and comments that leave a window between two times.
create or replace function move_trends(since timestamp, target timestamp) returns void
language sql
as $$
    with span (size, day, week, month) as (
        values (interval '24 hours', 1, 0, 0), (interval '7 days', 0, 1, 0), (interval '30 days', 0, 0, 1)
    ),
    act as (
        select l."projectId" as id, l."userId" as actor, 3 as points, span.day, span.week, span.month
        from span
        cross join lateral (
            select "projectId", "userId"
            from likes
            where "createdAt" > since - span.size and "createdAt" <= target - span.size
        ) l
        union all
        select c."projectId", c."authorId", 2, span.day, span.week, span.month
        from span
        cross join lateral (
            select distinct "projectId", "authorId"
            from comments
            where "createdAt" > since - span.size and "createdAt" <= target - span.size
        ) c
        where not exists (
            select
            from comments later
            where later."authorId" = c."authorId"
                and later."projectId" = c."projectId"
                and later."createdAt" > target - span.size
        )
    ),
    gone as (
        select
            p.id,
            sum(act.points * act.day) as day,
            sum(act.points * act.week) as week,
            sum(act.points * act.month) as month
        from act
        join "user" u on u.id = act.actor
        join projects p on p.id = act.id
        where is_counted(u) and u.id <> p."authorId"
        group by p.id
    )
    update "projectTrend" trend
    set day = trend.day - gone.day, week = trend.week - gone.week, month = trend.month - gone.month
    from gone
    where trend."projectId" = gone.id;
    delete from "projectTrend" where month = 0;
$$;

create or replace trigger "likes_trends_inserted"
    after insert on likes
    referencing new table as changed
    for each statement execute function count_likes_in_trends();

create or replace trigger "likes_trends_deleted"
    after delete on likes
    referencing old table as changed
    for each statement execute function count_likes_in_trends();

create or replace trigger "comments_trends_inserted"
    after insert on comments
    referencing new table as changed
    for each statement execute function count_comments_in_trends();

create or replace trigger "comments_trends_deleted"
    after delete on comments
    referencing old table as changed
    for each statement execute function count_comments_in_trends();

create or replace trigger "projects_trends_moved"
    after update of "createdAt", "authorId" on projects
    for each row
    when ((old."createdAt", old."authorId") is distinct from (new."createdAt", new."authorId"))
    execute function recount_trend_of_project();

create or replace trigger "likes_trends_moved"
    after update of "createdAt", "userId", "projectId" on likes
    for each row
    when ((old."createdAt", old."userId", old."projectId") is distinct from (new."createdAt", new."userId", new."projectId"))
    execute function recount_trends_of_moved();

create or replace trigger "comments_trends_moved"
    after update of "createdAt", "authorId", "projectId" on comments
    for each row
    when ((old."createdAt", old."authorId", old."projectId") is distinct from (new."createdAt", new."authorId", new."projectId"))
    execute function recount_trends_of_moved();

create or replace trigger "user_trends_switched"
    after update of "isActive", banned on "user"
    for each row
    when ((old."isActive" and not coalesce(old.banned, false)) <> (new."isActive" and not coalesce(new.banned, false)))
    execute function count_trends_of_user();

-- Triggers fire in the order of their names, and this one must come before the foreign keys' RI_ConstraintTrigger.
create or replace trigger "Count_trends_of_deleted_user"
    after delete on "user"
    for each row
    when (old."isActive" and not coalesce(old.banned, false))
    execute function count_trends_of_user();

-- The triggers count from here on. One statement finds what the scores lack, on one snapshot of likes, comments, scores and clock;
-- it is then added in batches. A later run finds it anew, so this may end at any point.
create unlogged table if not exists "trendCorrection" (
    like "projectTrend",
    primary key ("projectId")
);

delete from "trendCorrection";

insert into "trendCorrection" ("projectId", "createdAt", day, week, month)
select
    "projectId",
    coalesce(counted."createdAt", stored."createdAt"),
    coalesce(counted.day, 0) - coalesce(stored.day, 0),
    coalesce(counted.week, 0) - coalesce(stored.week, 0),
    coalesce(counted.month, 0) - coalesce(stored.month, 0)
from (
    select counted.*
    from "windowClock" clock
    cross join lateral counted_trends(null, clock.until) counted
) counted
full join "projectTrend" stored using ("projectId");

-- batches
with due as (
    select "projectId"
    from "trendCorrection"
    where $1::text is null or "projectId" > $1
    order by "projectId"
    limit $2::integer
),
taken as (
    delete from "trendCorrection" where "projectId" in (select "projectId" from due) returning *
),
-- A project may have been deleted meanwhile.
project as (
    select p.id, p."createdAt"
    from projects p
    where p.id in (select "projectId" from due)
    order by p.id
    for key share
),
added as (
    insert into "projectTrend" as trend ("projectId", "createdAt", day, week, month)
    select project.id, project."createdAt", taken.day, taken.week, taken.month
    from taken
    join project on project.id = taken."projectId"
    where (taken.day, taken.week, taken.month) <> (0, 0, 0)
    order by project.id
    on conflict ("projectId") do update
    set day = trend.day + excluded.day, week = trend.week + excluded.week, month = trend.month + excluded.month
)
select max("projectId"), count(*) from due;

delete from "projectTrend" where month = 0;

drop table "trendCorrection";

create index concurrently if not exists "projectTrend_day_createdAt_projectId_idx"
    on "projectTrend" (day, "createdAt", "projectId") where day > 0;
create index concurrently if not exists "projectTrend_week_createdAt_projectId_idx"
    on "projectTrend" (week, "createdAt", "projectId") where week > 0;
create index concurrently if not exists "projectTrend_month_createdAt_projectId_idx"
    on "projectTrend" (month, "createdAt", "projectId");
