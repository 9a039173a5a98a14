-- What happened within the last 24 hours, 7 days and 30 days is counted when it happens, and counted off when it leaves a window.
-- The clock is the time at which the kept counts are exact; a scheduled job moves it. A statement that reads the counts reads
-- the few rows between the clock and now itself, so its answers are exact at every time.
create table if not exists "windowClock" (
    "isOnly" boolean not null default true,
    until timestamp(3) not null,
    constraint "windowClock_pkey" primary key ("isOnly"),
    constraint "windowClock_isOnly_check" check ("isOnly")
);

insert into "windowClock" (until) values (now() at time zone 'utc') on conflict do nothing;

-- The time of the clock. A writer whose rows may leave a window at the same time holds the clock, so that each row leaves once.
-- Rows of the last 23 hours are in every window, wherever the clock moves.
create or replace function read_window_clock(held boolean) returns timestamp
language plpgsql
as $$
declare
    kept timestamp;
begin
    if held then
        select until into strict kept from "windowClock" for share;
    else
        select until into strict kept from "windowClock";
    end if;
    return kept;
end
$$;

-- Whether kept counts include what a user does. A ban that has run out but was not lifted still excludes; the answers add what
-- these users do.
create or replace function is_counted(u "user") returns boolean
language sql immutable parallel safe
as $$
    select u."isActive" and not coalesce(u.banned, false)
$$;
