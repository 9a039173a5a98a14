-- no-transaction
-- The four numbers of `/stats`: counted users, public projects of counted users, and comments and likes of counted users on those
-- projects. Summing them up on each request would read every project. Triggers add what changes as a new row, so writers never
-- wait for each other, and the totals are the sums of all rows. The scheduled job replaces many rows by their sum.

create table if not exists "visibleTotal" (
    id bigint generated always as identity,
    users bigint not null,
    projects bigint not null,
    comments bigint not null,
    likes bigint not null,
    constraint "visibleTotal_pkey" primary key (id)
);

-- Likes and comments. Those on a deleted project, or by a deleted user, were subtracted before the deletion. The triggers of the
-- scores, which come first in the order of names, hold the users and the projects.
create or replace function count_visible_likes() returns trigger
language plpgsql
as $$
begin
    insert into "visibleTotal" (users, projects, comments, likes)
    select 0, 0, 0, case when tg_op = 'DELETE' then -count(*) else count(*) end
    from changed
    join "user" u on u.id = changed."userId"
    join projects p on p.id = changed."projectId"
    join "user" author on author.id = p."authorId"
    where is_counted(u) and p."isPublic" and is_counted(author)
    having count(*) > 0;
    return null;
end
$$;

create or replace function count_visible_comments() returns trigger
language plpgsql
as $$
begin
    insert into "visibleTotal" (users, projects, comments, likes)
    select 0, 0, case when tg_op = 'DELETE' then -count(*) else count(*) end, 0
    from changed
    join "user" u on u.id = changed."authorId"
    join projects p on p.id = changed."projectId"
    join "user" author on author.id = p."authorId"
    where is_counted(u) and p."isPublic" and is_counted(author)
    having count(*) > 0;
    return null;
end
$$;

-- A like or a comment was moved. A former user or project that does not exist any more has another id now.
create or replace function count_moved_visible_like() returns trigger
language plpgsql
as $$
begin
    insert into "visibleTotal" (users, projects, comments, likes)
    select 0, 0, 0, sum(moved.sign)
    from (
        values
            (
                coalesce((select id from "user" where id = old."userId"), new."userId"),
                coalesce((select id from projects where id = old."projectId"), new."projectId"),
                -1
            ),
            (new."userId", new."projectId", 1)
    ) as moved ("userId", "projectId", sign)
    join "user" u on u.id = moved."userId"
    join projects p on p.id = moved."projectId"
    join "user" author on author.id = p."authorId"
    where is_counted(u) and p."isPublic" and is_counted(author)
    having sum(moved.sign) <> 0;
    return null;
end
$$;

create or replace function count_moved_visible_comment() returns trigger
language plpgsql
as $$
begin
    insert into "visibleTotal" (users, projects, comments, likes)
    select 0, 0, sum(moved.sign), 0
    from (
        values
            (
                coalesce((select id from "user" where id = old."authorId"), new."authorId"),
                coalesce((select id from projects where id = old."projectId"), new."projectId"),
                -1
            ),
            (new."authorId", new."projectId", 1)
    ) as moved ("authorId", "projectId", sign)
    join "user" u on u.id = moved."authorId"
    join projects p on p.id = moved."projectId"
    join "user" author on author.id = p."authorId"
    where is_counted(u) and p."isPublic" and is_counted(author)
    having sum(moved.sign) <> 0;
    return null;
end
$$;

-- Projects were inserted. The trigger of the facets holds their authors.
create or replace function count_inserted_visible_projects() returns trigger
language plpgsql
as $$
begin
    insert into "visibleTotal" (users, projects, comments, likes)
    select 0, count(*), 0, 0
    from changed
    join "user" author on author.id = changed."authorId"
    where changed."isPublic" and is_counted(author)
    having count(*) > 0;
    return null;
end
$$;

-- Adds or subtracts a project with its likes and comments.
create or replace function add_visible_project(project text, sign integer) returns void
language sql
as $$
    insert into "visibleTotal" (users, projects, comments, likes)
    select
        0,
        sign,
        sign * (
            select count(*)
            from comments c
            join "user" u on u.id = c."authorId"
            where c."projectId" = project and is_counted(u)
        ),
        sign * (
            select count(*)
            from likes l
            join "user" u on u.id = l."userId"
            where l."projectId" = project and is_counted(u)
        )
$$;

-- A former author who does not exist any more has another id now.
create or replace function count_changed_visible_project() returns trigger
language plpgsql
as $$
declare
    former constant text := coalesce((select id from "user" where id = old."authorId"), new."authorId");
    was_visible constant boolean := old."isPublic" and (select is_counted(u) from "user" u where id = former);
    is_visible constant boolean := new."isPublic" and (select is_counted(u) from "user" u where id = new."authorId");
begin
    if was_visible <> is_visible then
        perform add_visible_project(new.id, case when is_visible then 1 else -1 end);
    end if;
    return null;
end
$$;

-- Before the deletion, because its likes and comments are deleted with it. A project whose author was deleted was subtracted with
-- the author.
create or replace function count_deleted_visible_project() returns trigger
language plpgsql
as $$
begin
    if exists (select from "user" u where u.id = old."authorId" and is_counted(u)) then
        perform add_visible_project(old.id, -1);
    end if;
    return old;
end
$$;

create or replace function count_inserted_visible_users() returns trigger
language plpgsql
as $$
begin
    insert into "visibleTotal" (users, projects, comments, likes)
    select count(*), 0, 0, 0
    from changed u
    where u."isActive" and not coalesce(u.banned, false)
    having count(*) > 0;
    return null;
end
$$;

-- A user is switched on or off, or deleted: with the public projects, the likes and comments on them, and the user's own on those
-- of others. It runs before each row is changed, so that of several users each is counted as the others are at that moment. Who
-- likes or comments holds the project until the end, and is waited for.
create or replace function count_visible_user() returns trigger
language plpgsql
as $$
declare
    sign integer := -1;
begin
    if tg_op = 'UPDATE' then
        sign := case when new."isActive" and not coalesce(new.banned, false) then 1 else -1 end;
    end if;
    perform id from projects where "authorId" = old.id and "isPublic" order by id for no key update;
    insert into "visibleTotal" (users, projects, comments, likes)
    select
        sign,
        sign * (select count(*) from projects where "authorId" = old.id and "isPublic"),
        sign * (
            (
                select count(*)
                from projects p
                join comments c on c."projectId" = p.id
                join "user" u on u.id = c."authorId"
                where p."authorId" = old.id and p."isPublic" and (u.id = old.id or is_counted(u))
            )
            + (
                select count(*)
                from comments c
                join projects p on p.id = c."projectId"
                join "user" author on author.id = p."authorId"
                where c."authorId" = old.id and p."isPublic" and author.id <> old.id and is_counted(author)
            )
        ),
        sign * (
            (
                select count(*)
                from projects p
                join likes l on l."projectId" = p.id
                join "user" u on u.id = l."userId"
                where p."authorId" = old.id and p."isPublic" and (u.id = old.id or is_counted(u))
            )
            + (
                select count(*)
                from likes l
                join projects p on p.id = l."projectId"
                join "user" author on author.id = p."authorId"
                where l."userId" = old.id and p."isPublic" and author.id <> old.id and is_counted(author)
            )
        );
    return case when tg_op = 'UPDATE' then new else old end;
end
$$;

-- The totals, counted from the rows. Most rows count, so those that do not are looked for.
create or replace function counted_visible_totals()
returns table (users bigint, projects bigint, comments bigint, likes bigint)
language sql stable
as $$
    select
        (select count(*) from "user" u where is_counted(u)),
        (
            select count(*)
            from projects p
            join "user" author on author.id = p."authorId"
            where p."isPublic" and is_counted(author)
        ),
        (
            select count(*)
            from comments c
            where not exists (select from "user" u where u.id = c."authorId" and not is_counted(u))
                and not exists (
                    select
                    from projects p
                    join "user" author on author.id = p."authorId"
                    where p.id = c."projectId" and not (p."isPublic" and is_counted(author))
                )
        ),
        (
            select count(*)
            from likes l
            where not exists (select from "user" u where u.id = l."userId" and not is_counted(u))
                and not exists (
                    select
                    from projects p
                    join "user" author on author.id = p."authorId"
                    where p.id = l."projectId" and not (p."isPublic" and is_counted(author))
                )
        )
$$;

-- Adds what the totals lack. A row and what the triggers add for it become visible at the same instant, so one statement may compute
-- the difference while others write.
create or replace function correct_visible_totals()
returns table (users bigint, projects bigint, comments bigint, likes bigint)
language sql
as $$
    insert into "visibleTotal" (users, projects, comments, likes)
    select drift.*
    from counted_visible_totals() counted
    cross join (
        select
            coalesce(sum(users), 0)::bigint as users,
            coalesce(sum(projects), 0)::bigint as projects,
            coalesce(sum(comments), 0)::bigint as comments,
            coalesce(sum(likes), 0)::bigint as likes
        from "visibleTotal"
    ) stored
    cross join lateral (
        select
            counted.users - stored.users,
            counted.projects - stored.projects,
            counted.comments - stored.comments,
            counted.likes - stored.likes
    ) as drift (users, projects, comments, likes)
    where (drift.users, drift.projects, drift.comments, drift.likes) <> (0, 0, 0, 0)
    returning users, projects, comments, likes
$$;

-- Replaces rows by their sum, at most `max_rows`. Rows that another session replaces are left to it.
create or replace function fold_visible_totals(max_rows integer) returns void
language sql
as $$
    with due as (
        select id from "visibleTotal" order by id limit max_rows for update skip locked
    ),
    folded as (
        delete from "visibleTotal" total
        using due
        where total.id = due.id and exists (select from due offset 1)
        returning total.users, total.projects, total.comments, total.likes
    )
    insert into "visibleTotal" (users, projects, comments, likes)
    select sum(users), sum(projects), sum(comments), sum(likes)
    from folded
    having count(*) > 0
$$;

create or replace function correct_totals_after_truncation() returns trigger
language plpgsql
as $$
begin
    perform correct_visible_totals();
    return null;
end
$$;

create or replace trigger "likes_visible_inserted"
    after insert on likes
    referencing new table as changed
    for each statement execute function count_visible_likes();

create or replace trigger "likes_visible_deleted"
    after delete on likes
    referencing old table as changed
    for each statement execute function count_visible_likes();

create or replace trigger "likes_visible_moved"
    after update on likes
    for each row
    when ((old."userId", old."projectId") is distinct from (new."userId", new."projectId"))
    execute function count_moved_visible_like();

create or replace trigger "likes_visible_truncated"
    after truncate on likes
    for each statement execute function correct_totals_after_truncation();

create or replace trigger "comments_visible_inserted"
    after insert on comments
    referencing new table as changed
    for each statement execute function count_visible_comments();

create or replace trigger "comments_visible_deleted"
    after delete on comments
    referencing old table as changed
    for each statement execute function count_visible_comments();

create or replace trigger "comments_visible_moved"
    after update on comments
    for each row
    when ((old."authorId", old."projectId") is distinct from (new."authorId", new."projectId"))
    execute function count_moved_visible_comment();

create or replace trigger "comments_visible_truncated"
    after truncate on comments
    for each statement execute function correct_totals_after_truncation();

create or replace trigger "projects_visible_inserted"
    after insert on projects
    referencing new table as changed
    for each statement execute function count_inserted_visible_projects();

create or replace trigger "projects_visible_changed"
    after update of "isPublic", "authorId" on projects
    for each row
    when ((old."isPublic", old."authorId") is distinct from (new."isPublic", new."authorId"))
    execute function count_changed_visible_project();

create or replace trigger "projects_visible_deleted"
    before delete on projects
    for each row
    when (old."isPublic")
    execute function count_deleted_visible_project();

create or replace trigger "projects_visible_truncated"
    after truncate on projects
    for each statement execute function correct_totals_after_truncation();

create or replace trigger "user_visible_inserted"
    after insert on "user"
    referencing new table as changed
    for each statement execute function count_inserted_visible_users();

create or replace trigger "user_visible_switched"
    before update of "isActive", banned on "user"
    for each row
    when ((old."isActive" and not coalesce(old.banned, false)) <> (new."isActive" and not coalesce(new.banned, false)))
    execute function count_visible_user();

create or replace trigger "user_visible_deleted"
    before delete on "user"
    for each row
    when (old."isActive" and not coalesce(old.banned, false))
    execute function count_visible_user();

create or replace trigger "user_visible_truncated"
    after truncate on "user"
    for each statement execute function correct_totals_after_truncation();

create or replace trigger "visibleTotal_truncated"
    after truncate on "visibleTotal"
    for each statement execute function correct_totals_after_truncation();

-- The triggers count from here on.
select from correct_visible_totals();
