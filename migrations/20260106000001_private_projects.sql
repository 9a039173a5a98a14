-- The caller's own profile counts their private projects on each request. Without an index of these alone, PostgreSQL reads
-- every project of the author.
create index if not exists "projects_authorId_private_idx" on projects ("authorId") where not "isPublic";
