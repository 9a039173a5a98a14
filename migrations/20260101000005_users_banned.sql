-- no-transaction
-- The few banned users, whom suggestions leave out before they look at anybody's row.
create index concurrently if not exists "user_id_banned_idx" on "user" (id) where banned;
