-- no-transaction
-- Sessions end together with those in which their user impersonates others. There are few of them.
create index concurrently if not exists "session_impersonatedBy_idx" on session ("impersonatedBy") where "impersonatedBy" is not null;
