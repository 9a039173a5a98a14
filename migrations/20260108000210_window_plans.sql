-- The functions of kept scores and counts, with plans that read only the rows that they need. PostgreSQL does not know how few
-- rows are between two times, and read every user and project.

-- The scores of some projects, or of all if `ids` is null, counted from their likes and comments as of a time. Each call is
-- planned for its arguments.
create or replace function counted_trends(ids text[], kept timestamp)
returns table ("projectId" text, "createdAt" timestamp, day integer, week integer, month integer)
language plpgsql stable
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
    return query
    select
        p.id,
        p."createdAt"::timestamp,
        (sum(act.points) filter (where act.at > kept - interval '24 hours'))::integer,
        (sum(act.points) filter (where act.at > kept - interval '7 days'))::integer,
        sum(act.points)::integer
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
    group by p.id;
end
$$;

-- Counts off the likes and comments that leave a window between two times. Users, projects and later comments are looked up one
-- by one: PostgreSQL does not know how few rows there are.
create or replace function move_trends(since timestamp, target timestamp) returns void
language sql
as $$
    with span (size, day, week, month) as (
        values (interval '24 hours', 1, 0, 0), (interval '7 days', 0, 1, 0), (interval '30 days', 0, 0, 1)
    ),
    act as materialized (
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
        where (
            select true
            from comments later
            where later."authorId" = c."authorId"
                and later."projectId" = c."projectId"
                and later."createdAt" > target - span.size
            limit 1
        ) is null
    ),
    gone as materialized (
        select
            id,
            sum(points * day) as day,
            sum(points * week) as week,
            sum(points * month) as month
        from act
        where (select is_counted(u) from "user" u where u.id = act.actor)
            and actor <> (select p."authorId" from projects p where p.id = act.id)
        group by id
    )
    update "projectTrend" trend
    set day = trend.day - gone.day, week = trend.week - gone.week, month = trend.month - gone.month
    from gone
    where trend."projectId" = gone.id;
    delete from "projectTrend" where month = 0;
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
        -- The limit makes PostgreSQL look up each project.
        cross join lateral (
            select p."createdAt", p.tags, p.language
            from projects p
            join "user" u on u.id = p."authorId"
            where p.id = crossing.id and is_counted(u)
            limit 1
        ) p
        cross join lateral window_flags(p."createdAt", since) earlier
        cross join lateral window_flags(p."createdAt", target) later
        cross join lateral project_facets(p.tags, p.language) facet
        group by facet."isTag", facet.name
    ))
$$;
