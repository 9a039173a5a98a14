-- Feeds and notifications look among the newest of all first: whose it is must be in the index, and the order must be whole.
drop index if exists "projects_createdAt_id_idx";
create index if not exists "projects_createdAt_id_public_idx"
    on projects ("createdAt", id) include ("authorId") where "isPublic";

drop index if exists "likes_createdAt_idx";
create index if not exists "likes_createdAt_id_idx" on likes ("createdAt", id) include ("projectId", "userId");

drop index if exists "comments_createdAt_idx";
create index if not exists "comments_createdAt_id_idx"
    on comments ("createdAt", id) include ("projectId", "authorId");
