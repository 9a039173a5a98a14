-- no-transaction
-- The sort key of `sort=comments`: how many comments by users who are neither deactivated nor banned a project has. Counting
-- them for all projects on each request would read the whole table of comments. Comments are written, and users switched
-- off, by several functions and by the Node application, so triggers keep the column; they leave "updatedAt" alone.
-- A ban that has run out but was not lifted yet still counts here as a ban; the answers add those comments.

-- gexec
select 'alter table projects add column "commentCount" integer not null default 0'
where not exists (
    select from pg_attribute where attrelid = 'projects'::regclass and attname = 'commentCount' and not attisdropped
);

-- Users are locked before they are asked, so that nobody is switched on or off between the question and the count.
create or replace function count_inserted_comments() returns trigger
language plpgsql
as $$
begin
    with author as (
        select id, "isActive" and not coalesce(banned, false) as counts
        from "user"
        where id in (select "authorId" from inserted)
        order by id
        for share
    )
    update projects
    set "commentCount" = "commentCount" + added.count
    from (
        select "projectId", count(*)::integer as count
        from inserted
        join author on author.id = inserted."authorId"
        where author.counts
        group by "projectId"
    ) added
    where projects.id = added."projectId";
    return null;
end
$$;

-- When a project or an author goes, their comments follow, and by then there is no row any more to count or to ask.
create or replace function count_deleted_comments() returns trigger
language plpgsql
as $$
begin
    with remaining as (
        select deleted."projectId", deleted."authorId"
        from deleted
        join projects on projects.id = deleted."projectId"
    ),
    author as (
        select id, "isActive" and not coalesce(banned, false) as counts
        from "user"
        where id in (select "authorId" from remaining)
        order by id
        for share
    )
    update projects
    set "commentCount" = "commentCount" - removed.count
    from (
        select "projectId", count(*)::integer as count
        from remaining
        join author on author.id = remaining."authorId"
        where author.counts
        group by "projectId"
    ) removed
    where projects.id = removed."projectId";
    return null;
end
$$;

-- A user was switched on or off, or deleted; in the latter case the comments are still there.
create or replace function count_comments_of_user() returns trigger
language plpgsql
as $$
declare
    sign integer := -1;
begin
    if tg_op = 'UPDATE' then
        sign := case when new."isActive" and not coalesce(new.banned, false) then 1 else -1 end;
    end if;
    -- In the order of their ids: two users may have written about the same projects.
    perform id
    from projects
    where id in (select "projectId" from comments where "authorId" = old.id)
    order by id
    for no key update;
    update projects
    set "commentCount" = "commentCount" + sign * written.count
    from (
        select "projectId", count(*)::integer as count
        from comments
        where "authorId" = old.id
        group by "projectId"
    ) written
    where projects.id = written."projectId";
    return null;
end
$$;

create or replace trigger "comments_count_inserted"
    after insert on comments
    referencing new table as inserted
    for each statement execute function count_inserted_comments();

create or replace trigger "comments_count_deleted"
    after delete on comments
    referencing old table as deleted
    for each statement execute function count_deleted_comments();

create or replace trigger "user_count_switched"
    after update of "isActive", banned on "user"
    for each row
    when ((old."isActive" and not coalesce(old.banned, false)) <> (new."isActive" and not coalesce(new.banned, false)))
    execute function count_comments_of_user();

-- Triggers fire in the order of their names, and this one must come before the foreign keys' RI_ConstraintTrigger.
create or replace trigger "Count_comments_of_deleted_user"
    after delete on "user"
    for each row
    when (old."isActive" and not coalesce(old.banned, false))
    execute function count_comments_of_user();

-- The triggers count from here on, so every project is counted once more. Projects whose "commentCount" is out of date:
create table if not exists "commentRecount" (
    "projectId" text not null,
    constraint "commentRecount_pkey" primary key ("projectId")
);

-- Recounts the comments of some projects that are out of date. Returns how many projects.
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
    return cardinality(ids);
end
$$;

insert into "commentRecount" ("projectId")
select distinct "projectId"
from comments
on conflict do nothing;

-- batches
select case when count > 0 then coalesce($1::text, '') end, count::bigint
from recount_comments($2::integer) count;
