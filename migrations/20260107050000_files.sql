-- Files in the bucket, and pictures made of them.

-- Until when one request completes the file; others wait for it. A request that died leaves a lease that ends.
alter table upload add column if not exists "leasedUntil" timestamp(3);

-- A picture made of a file: `size` is null while it is being made.
create table if not exists picture (
    "uploadId" text not null,
    variant text not null,
    size integer,
    "leasedUntil" timestamp(3) not null,
    constraint "picture_pkey" primary key ("uploadId", variant),
    constraint "picture_uploadId_fkey" foreign key ("uploadId")
        references upload (id) on delete cascade on update cascade
);

-- Objects that are still to be deleted from the bucket. Rows of `upload` go with their project or their owner, in functions
-- that have no rights in the bucket, so a trigger records the keys and a scheduled job deletes the objects.
create table if not exists "objectRemoval" (
    key text not null,
    "createdAt" timestamp(3) not null default (now() at time zone 'utc'),
    constraint "objectRemoval_pkey" primary key (key)
);

create or replace function record_upload_removal() returns trigger
language plpgsql
as $$
begin
    insert into "objectRemoval" (key)
    values ('pending/' || old.id), ('files/' || old.id)
    on conflict (key) do update set "createdAt" = excluded."createdAt";
    return null;
end
$$;

create or replace function record_picture_removal() returns trigger
language plpgsql
as $$
begin
    insert into "objectRemoval" (key)
    values ('images/' || old."uploadId" || '/' || old.variant)
    on conflict (key) do update set "createdAt" = excluded."createdAt";
    return null;
end
$$;

create or replace trigger "upload_removal" after delete on upload
    for each row execute function record_upload_removal();

create or replace trigger "picture_removal" after delete on picture
    for each row execute function record_picture_removal();

-- Whether a file is there for the viewer, as far as its status goes: a pending file is its owner's alone, for 24 hours.
create or replace function is_upload_listed(f upload, viewer text) returns boolean
language sql stable parallel safe
as $$
    select f.status = 'ready'
        or f."userId" = viewer and f."createdAt" > now() at time zone 'utc' - interval '24 hours'
$$;
