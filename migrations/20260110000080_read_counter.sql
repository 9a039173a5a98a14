-- Returns the state of a counter of the rate limits: the requests in the current window and the seconds until it ends. The
-- result is null if the table is locked for long or missing, because limits fail open and the calling statement must not
-- fail with them. A null key returns null without any work.

create or replace function read_counter(counter text, out count integer, out resets_in integer)
language plpgsql stable strict
set lock_timeout = '250ms'
as $$
begin
    select coalesce(max(q.count), 0),
        coalesce(ceil(extract(epoch from max(q."resetAt") - now() at time zone 'utc'))::int, 0)
    into count, resets_in
    from quota q
    where q.key = counter and q."resetAt" > now() at time zone 'utc';
exception
    when lock_not_available or undefined_table then
        count := null;
        resets_in := null;
end
$$;
