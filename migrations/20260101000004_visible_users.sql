-- Whom lists, searches and profiles show: active users who are not banned at the moment. PostgreSQL puts the body in the
-- place of the call, so indexes `where "isActive"` serve `where is_visible(u)`.
create or replace function is_visible(u "user") returns boolean
language sql stable parallel safe
as $$
    select u."isActive"
        and not (coalesce(u.banned, false) and coalesce(u."banExpires" > now() at time zone 'utc', true))
$$;
