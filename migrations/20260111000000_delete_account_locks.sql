-- The deletion of an account locked its user twice, the second time in a stronger mode, did not lock who followed it meanwhile, and
-- locked its own projects before those that it liked. Each could deadlock with a like, a follow or another deletion, which cost a
-- second and a repetition.

-- The users whom a user follows, and those who follow the user.
create or replace function follow_partners(member text) returns setof text
language sql stable
as $$
    select "followingId" from follows where "followerId" = member
    union
    select "followerId" from follows where "followingId" = member
$$;

-- Deletes an account with few rows. False if it does not exist. See `delete_account`.
--
-- First everybody whose follow counters the deletion changes is locked, then each project that loses a counted row, both in the
-- order of their ids. Another transaction that follows, likes or comments either was committed before, or does not find the row.
create or replace function delete_small_account(account text) returns boolean
language plpgsql
as $$
declare
    max_attempts constant integer := 20;
    attempt integer := 1;
    members text[];
    member text;
    is_found boolean;
begin
    loop
        members := '{}';
        is_found := false;
        -- An exception releases the locks of this block.
        begin
            for member in select id from follow_partners(account) id union select account order by 1 loop
                if member = account then
                    perform from "user" where id = account for update;
                    is_found := found;
                else
                    -- Not `for update`: rows that refer to these users may still be inserted.
                    perform from "user" where id = member for no key update;
                end if;
                members := members || member;
            end loop;
            if not is_found then
                return false;
            end if;
            -- Somebody followed the user before the lock on it, and is not locked.
            if exists (select from follow_partners(account) id where id <> all (members)) then
                raise serialization_failure;
            end if;
            exit;
        exception
            when serialization_failure then
                if attempt = max_attempts then
                    raise;
                end if;
                attempt := attempt + 1;
        end;
    end loop;
    perform p.id
    from projects p
    where p."authorId" = account
        or p.id in (select "projectId" from likes where "userId" = account)
        or p.id in (select "projectId" from comments where "authorId" = account)
    order by p.id
    for no key update;

    -- What was committed before the locks is seen here, because each statement of a volatile function has a snapshot of its own.
    with unliked as (
        update projects p
        set "likeCount" = p."likeCount" - 1
        from likes l
        where l."userId" = account and p.id = l."projectId" and p."authorId" <> account
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
    -- Keys and impersonated sessions have no foreign key; everything else is deleted with the row.
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
