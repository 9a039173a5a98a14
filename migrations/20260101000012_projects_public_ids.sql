-- What `sort=trending` asks of a public project, without its row: every like and comment of the last days is looked up.
create index if not exists "projects_id_public_idx"
    on projects (id) include ("authorId", "createdAt") where "isPublic";
