-- no-transaction
-- Feeds and notifications look among the newest of all first: whose it is must be in the index, and the order must be whole.
create index concurrently if not exists "likes_createdAt_id_idx"
    on likes ("createdAt", id) include ("projectId", "userId");
create index concurrently if not exists "comments_createdAt_id_idx"
    on comments ("createdAt", id) include ("projectId", "authorId");
