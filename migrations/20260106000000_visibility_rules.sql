-- Rules of visibility and counting that many statements share. PostgreSQL inlines these functions: each is one plain
-- `stable` select, so a statement that calls them has the plan of one that repeats their text.

-- Whether the viewer can see the project: it is the viewer's own, or it is public and its author is visible. The author is
-- an argument because PostgreSQL does not inline a scalar function that contains a subquery.
create or replace function is_visible_to(p projects, author "user", viewer text) returns boolean
language sql stable parallel safe
as $$
    select p."authorId" = viewer or p."isPublic" and is_visible(author)
$$;

-- Users who are not visible. There are few of them, and each branch has a partial index.
create or replace function hidden_users() returns table (id text)
language sql stable parallel safe
as $$
    select u.id from "user" u where not u."isActive"
    union all
    select u.id from "user" u where u.banned and not is_visible(u)
$$;

-- The number of comments on a project by visible users. `stored` is projects."commentCount", which excludes every user
-- who is marked as banned, even if the ban has expired.
create or replace function visible_comments(project_id text, stored integer) returns table (count bigint)
language sql stable parallel safe rows 1
as $$
    select stored + (
        select count(*)
        from comments c
        join "user" u on u.id = c."authorId"
        where c."projectId" = project_id and u.banned and is_visible(u)
    )
$$;
