-- Every plain statement of another program succeeds and keeps the counters right: also one that deletes several users, that
-- moves a comment or a project to somebody else, or that changes an id.
--
-- A foreign key rejects an update of a project whose author has been deleted by the same statement, if the transaction has
-- updated the project before. Such a project is about to be deleted, so its counter is not updated.

-- A user was switched on or off, or deleted; in the latter case the comments are still there. For a user with many comments, the
-- projects are recounted later.
create or replace function count_comments_of_user() returns trigger
language plpgsql
as $$
declare
    max_comments constant integer := 1000;
    sign integer := -1;
    -- A new id has reached the comments before this trigger.
    author constant text := case tg_op when 'UPDATE' then new.id else old.id end;
begin
    perform from comments where "authorId" = author offset max_comments limit 1;
    if found then
        insert into "commentRecount" ("projectId")
        select distinct "projectId"
        from comments
        where "authorId" = author
        order by "projectId"
        on conflict do nothing;
        return null;
    end if;
    if tg_op = 'UPDATE' then
        sign := case when new."isActive" and not coalesce(new.banned, false) then 1 else -1 end;
    end if;
    -- In the order of their ids: two users may have written about the same projects.
    perform id
    from projects
    where id in (select "projectId" from comments where "authorId" = author)
    order by id
    for no key update;
    update projects
    set "commentCount" = "commentCount" + sign * written.count
    from (
        select "projectId", count(*)::integer as count
        from comments
        where "authorId" = author
        group by "projectId"
    ) written
    where projects.id = written."projectId"
        and exists (select from "user" where "user".id = projects."authorId");
    return null;
end
$$;

-- A comment was moved to another project or to another author. If the former project or author does not exist any more, its id
-- was changed: then nothing was moved.
create or replace function count_moved_comment() returns trigger
language plpgsql
as $$
begin
    perform id from "user" where id in (old."authorId", new."authorId") order by id for share;
    if not exists (select from "user" where id = old."authorId")
        or not exists (select from projects where id = old."projectId")
    then
        return null;
    end if;
    perform id from projects where id in (old."projectId", new."projectId") order by id for no key update;
    update projects
    set "commentCount" = "commentCount" + moved.count
    from (
        select comment."projectId", sum(comment.sign)::integer as count
        from (values (old."projectId", old."authorId", -1), (new."projectId", new."authorId", 1))
            as comment ("projectId", "authorId", sign)
        join "user" u on u.id = comment."authorId"
        where u."isActive" and not coalesce(u.banned, false)
        group by comment."projectId"
        having sum(comment.sign) <> 0
    ) moved
    where projects.id = moved."projectId";
    return null;
end
$$;

create or replace trigger "comments_count_moved"
    after update of "projectId", "authorId" on comments
    for each row
    when ((old."projectId", old."authorId") is distinct from (new."projectId", new."authorId"))
    execute function count_moved_comment();

-- A project was changed, or moved to another author. A former author who does not exist any more has another id now.
create or replace function count_facets_of_changed_project() returns trigger
language plpgsql
as $$
declare
    former text := old."authorId";
begin
    perform id from "user" where id in (old."authorId", new."authorId") order by id for share;
    if not exists (select from "user" where id = former) then
        former := new."authorId";
    end if;
    insert into "projectFacet" as stored ("isTag", name, count)
    select moved."isTag", moved.name, sum(moved.sign)
    from (
        select facet."isTag", facet.name, -1 as sign, former as author
        from project_facets(old.tags, old.language) facet
        where old."isPublic"
        union all
        select facet."isTag", facet.name, 1, new."authorId"
        from project_facets(new.tags, new.language) facet
        where new."isPublic"
    ) moved
    join "user" u on u.id = moved.author
    where u."isActive" and not coalesce(u.banned, false)
    group by moved."isTag", moved.name
    having sum(moved.sign) <> 0
    order by moved."isTag", moved.name
    on conflict ("isTag", name) do update set count = stored.count + excluded.count;
    perform erase_facets(array(select facet.name from project_facets(old.tags, old.language) facet));
    return null;
end
$$;

create or replace trigger "projects_facets_changed"
    after update of tags, language, "isPublic", "authorId" on projects
    for each row
    when (
        (old.tags, old.language, old."isPublic", old."authorId")
            is distinct from (new.tags, new.language, new."isPublic", new."authorId")
    )
    execute function count_facets_of_changed_project();

create or replace function count_facets_of_user() returns trigger
language plpgsql
as $$
declare
    sign integer := -1;
    -- A new id has reached the projects before this trigger.
    author constant text := case tg_op when 'UPDATE' then new.id else old.id end;
begin
    if tg_op = 'UPDATE' then
        sign := case when new."isActive" and not coalesce(new.banned, false) then 1 else -1 end;
    end if;
    insert into "projectFacet" as stored ("isTag", name, count)
    select facet."isTag", facet.name, count(*) * sign
    from projects p
    cross join lateral project_facets(p.tags, p.language) facet
    where p."authorId" = author and p."isPublic"
    group by facet."isTag", facet.name
    order by facet."isTag", facet.name
    on conflict ("isTag", name) do update set count = stored.count + excluded.count;
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

-- A stored response repeats what it was about. Its record stays without the body, so that a late retry makes nothing anew. The
-- records of a user who is being deleted are about to be deleted.
create or replace function erase_stored_responses() returns trigger
language plpgsql
as $$
begin
    update "idempotencyKey" k
    set body = null
    from gone
    where k."userId" = gone."authorId"
        and k.location = '/' || tg_table_name || '/' || gone.id
        and k.body is not null
        and exists (select from "user" where "user".id = k."userId");
    return null;
end
$$;
