-- Bans and deletions of accounts with many rows. One statement for tens of thousands of comments and followers would exceed the
-- statement timeout, so the account is closed at once, and the rest is done in steps of bounded size: `continue_account_work`
-- does one step. A small account is deleted in one step, as before.

-- Projects whose "commentCount" is out of date, because a user with many comments was banned, deactivated or deleted. No foreign
-- key: it would lock every project when a user is banned.
create table if not exists "commentRecount" (
    "projectId" text not null,
    constraint "commentRecount_pkey" primary key ("projectId")
);

-- Closed accounts whose rows are being deleted.
create table if not exists "accountDeletion" (
    "userId" text not null,
    "createdAt" timestamp(3) not null default current_timestamp,
    constraint "accountDeletion_pkey" primary key ("userId"),
    constraint "accountDeletion_userId_fkey" foreign key ("userId")
        references "user" (id) on delete cascade on update cascade
);

-- A user was switched on or off, or deleted; in the latter case the comments are still there. For a user with many comments, the
-- projects are recounted later.
create or replace function count_comments_of_user() returns trigger
language plpgsql
as $$
declare
    max_comments constant integer := 1000;
    sign integer := -1;
begin
    perform from comments where "authorId" = old.id offset max_comments limit 1;
    if found then
        insert into "commentRecount" ("projectId")
        select distinct "projectId"
        from comments
        where "authorId" = old.id
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

-- Deletes an account with few rows. False if it does not exist. See `delete_account`.
--
-- Everybody whose follow counters the deletion moves is locked first, in the order of their ids. Who follows, likes or
-- comments at the same time either was committed before, or fails for want of the row.
create or replace function delete_small_account(account text) returns boolean
language plpgsql
as $$
begin
    -- Not `for update`: others may go on referring to these users.
    perform u.id
    from "user" u
    where u.id = account
        or u.id in (select "followingId" from follows where "followerId" = account)
        or u.id in (select "followerId" from follows where "followingId" = account)
    order by u.id
    for no key update;

    perform u.id
    from "user" u
    where u.id = account
    for update;
    if not found then
        return false;
    end if;

    -- What was committed before the locks is seen here: each statement of a volatile function looks anew.
    with liked as materialized (
        select p.id
        from likes l
        join projects p on p.id = l."projectId"
        where l."userId" = account and p."authorId" <> account
        order by p.id
        for no key update of p
    ),
    unliked as (
        update projects p
        set "likeCount" = p."likeCount" - 1
        from liked
        where p.id = liked.id
    ),
    neighbour as (
        select id, sum(follower)::int as followers, sum(following)::int as following
        from (
            select "followingId" as id, 1 as follower, 0 as following
            from follows where "followerId" = account
            union all
            select "followerId", 0, 1
            from follows where "followingId" = account
        ) f
        where id <> account
        group by id
    ),
    unfollowed as (
        update "user" u
        set "followersCount" = u."followersCount" - n.followers,
            "followingCount" = u."followingCount" - n.following
        from neighbour n
        where u.id = n.id
    ),
    -- Keys and impersonated sessions have no foreign key; everything else goes with the row.
    revoked as (
        delete from apikey where "referenceId" = account
    ),
    impersonated as (
        delete from session where "impersonatedBy" = account
    ),
    forgotten as (
        delete from verification v
        using "user" u
        where u.id = account
            and (strpos(v.value, to_json(u.id)::text) > 0 or strpos(v.value, to_json(u.email)::text) > 0)
    )
    delete from "user" where id = account;
    return true;
end
$$;

-- Closes an account with many rows: nobody sees it, nobody signs in to it, and nothing of the person is left in its row. Its
-- rows are deleted in steps. False if it does not exist.
create or replace function close_account(account text) returns boolean
language plpgsql
as $$
begin
    -- Before the address is removed from the row.
    delete from verification v
    using "user" u
    where u.id = account
        and (strpos(v.value, to_json(u.id)::text) > 0 or strpos(v.value, to_json(u.email)::text) > 0);
    update "user"
    set "isActive" = false,
        name = '',
        email = gen_random_uuid() || '@deleted.invalid',
        "emailVerified" = false,
        image = null, avatar = null, bio = null, website = null, location = null, company = null, skills = '{}',
        "providerId" = null, "githubUsername" = null, role = 'user', "banReason" = null,
        "updatedAt" = now() at time zone 'utc'
    where id = account;
    if not found then
        return false;
    end if;
    insert into "accountDeletion" ("userId") values (account) on conflict do nothing;
    delete from apikey where "referenceId" = account;
    delete from session where "userId" = account or "impersonatedBy" = account;
    delete from account a where a."userId" = close_account.account;
    return true;
end
$$;

-- Deletes an account, all that hangs on it, and its part in the counters of others; false where it is gone already. Two
-- functions delete accounts, their owners' own and others', and must not differ in what they do. An account with many rows is
-- closed, and `continue_account_work` deletes its rows.
create or replace function delete_account(account text) returns boolean
language plpgsql
as $$
declare
    max_rows constant integer := 1000;
begin
    perform from (
        (select from follows where "followingId" = account limit max_rows + 1)
        union all
        (select from follows where "followerId" = account limit max_rows + 1)
        union all
        (select from likes where "userId" = account limit max_rows + 1)
        union all
        (select from comments where "authorId" = account limit max_rows + 1)
        union all
        (select from projects where "authorId" = account limit max_rows + 1)
        union all
        (
            select
            from comments c
            join projects p on p.id = c."projectId"
            where p."authorId" = account
            limit max_rows + 1
        )
        union all
        (
            select
            from likes l
            join projects p on p.id = l."projectId"
            where p."authorId" = account
            limit max_rows + 1
        )
    ) owned
    offset max_rows
    limit 1;
    if found then
        return close_account(account);
    end if;
    return delete_small_account(account);
end
$$;

-- Deletes some rows of a closed account, and in the last step the account.
create or replace function delete_account_rows(account text, max_rows integer) returns void
language plpgsql
as $$
declare
    ids text[];
begin
    ids := array(
        (select id from follows where "followingId" = account limit max_rows)
        union
        (select id from follows where "followerId" = account limit max_rows)
        limit max_rows
    );
    if cardinality(ids) > 0 then
        perform u.id
        from "user" u
        where u.id in (
            select case "followerId" when account then "followingId" else "followerId" end
            from follows where id = any (ids)
        )
        order by u.id
        for no key update;
        -- Only rows that are deleted here are counted: the other side may unfollow at the same time.
        with gone as (
            delete from follows where id = any (ids) returning "followerId", "followingId"
        )
        update "user" u
        set "followersCount" = u."followersCount" - n.followers,
            "followingCount" = u."followingCount" - n.following
        from (
            select id, sum(follower)::int as followers, sum(following)::int as following
            from (
                select "followingId" as id, 1 as follower, 0 as following from gone where "followerId" = account
                union all
                select "followerId", 0, 1 from gone where "followingId" = account
            ) f
            group by id
        ) n
        where u.id = n.id and u.id <> account;
        return;
    end if;

    ids := array(select id from likes where "userId" = account limit max_rows);
    if cardinality(ids) > 0 then
        perform p.id
        from projects p
        where p.id in (select "projectId" from likes where id = any (ids))
        order by p.id
        for no key update;
        with gone as (
            delete from likes where id = any (ids) returning "projectId"
        )
        update projects p
        set "likeCount" = p."likeCount" - 1
        from gone
        where p.id = gone."projectId" and p."authorId" <> account;
        return;
    end if;

    -- The account is inactive, so its comments are not counted any more.
    ids := array(select id from comments where "authorId" = account limit max_rows);
    if cardinality(ids) > 0 then
        delete from comments where id = any (ids);
        return;
    end if;

    -- Comments and likes of others on projects that go.
    ids := array(
        select c.id from comments c join projects p on p.id = c."projectId" where p."authorId" = account limit max_rows
    );
    if cardinality(ids) > 0 then
        delete from comments where id = any (ids);
        return;
    end if;
    ids := array(
        select l.id from likes l join projects p on p.id = l."projectId" where p."authorId" = account limit max_rows
    );
    if cardinality(ids) > 0 then
        delete from likes where id = any (ids);
        return;
    end if;
    ids := array(select id from projects where "authorId" = account limit greatest(max_rows / 10, 1));
    if cardinality(ids) > 0 then
        delete from projects where id = any (ids);
        return;
    end if;

    perform delete_small_account(account);
end
$$;

-- Does one step of the work that bans and deletions have left. Returns whether there was any.
create or replace function continue_account_work(max_rows integer) returns boolean
language plpgsql
as $$
declare
    account text;
begin
    select "userId" into account
    from "accountDeletion"
    order by "createdAt", "userId"
    limit 1
    for update skip locked;
    if found then
        perform delete_account_rows(account, max_rows);
        return true;
    end if;
    return recount_comments(max_rows) > 0;
end
$$;
