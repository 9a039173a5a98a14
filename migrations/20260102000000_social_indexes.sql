-- The feed of somebody who follows thousands reads the newest public projects of each of them from the index alone.
create index if not exists "projects_authorId_createdAt_id_public_idx"
    on projects ("authorId", "createdAt", id) where "isPublic";
