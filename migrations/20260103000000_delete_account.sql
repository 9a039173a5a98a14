-- Deletes an account, all that hangs on it, and its part in the counters of others; false where it is gone already. Two
-- functions delete accounts, their owners' own and others', and must not differ in what they do.
--
-- Everybody whose follow counters the deletion moves is locked first, in the order of their ids. Who follows, likes or
-- comments at the same time either was committed before, or fails for want of the row.
create or replace function delete_account(account text) returns boolean
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
    -- Keys have no foreign key; everything else goes with the row.
    revoked as (
        delete from apikey where "referenceId" = account
    )
    delete from "user" where id = account;
    return true;
end
$$;
