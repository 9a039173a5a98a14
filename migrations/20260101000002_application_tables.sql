-- Tables of this application alone.

-- Fixed-window counters of the rate limits. They may be lost in a crash, so they are not written to the log.
create unlogged table quota (
    key text not null,
    count integer not null,
    "resetAt" timestamp(3) not null,
    constraint "quota_pkey" primary key (key)
) with (fillfactor = 50);

-- Who has looked at a project on a day: a user's id, or a keyed hash that changes with the day's salt.
create table "projectView" (
    "projectId" text not null,
    viewer text not null,
    day date not null,
    constraint "projectView_pkey" primary key ("projectId", viewer, day),
    constraint "projectView_projectId_fkey" foreign key ("projectId")
        references projects (id) on delete cascade on update cascade
);

create table "viewSalt" (
    day date not null,
    salt bytea not null,
    constraint "viewSalt_pkey" primary key (day)
);

-- Answers kept for retries. A null status means that the first request is still running.
create table "idempotencyKey" (
    "userId" text not null,
    route text not null,
    key text not null,
    "requestHash" bytea not null,
    status smallint,
    body text,
    location text,
    "createdAt" timestamp(3) not null default current_timestamp,
    constraint "idempotencyKey_pkey" primary key ("userId", route, key),
    constraint "idempotencyKey_userId_fkey" foreign key ("userId")
        references "user" (id) on delete cascade on update cascade
);

create table upload (
    id text not null,
    "userId" text not null,
    "projectId" text,
    purpose text not null,
    filename text not null,
    "contentType" text not null,
    size integer not null,
    width integer,
    height integer,
    status text not null default 'pending',
    "createdAt" timestamp(3) not null default current_timestamp,
    "updatedAt" timestamp(3) not null,
    constraint "upload_pkey" primary key (id),
    constraint "upload_userId_fkey" foreign key ("userId")
        references "user" (id) on delete cascade on update cascade,
    constraint "upload_projectId_fkey" foreign key ("projectId")
        references projects (id) on delete cascade on update cascade,
    constraint "upload_purpose_check" check (purpose in ('avatar', 'project')),
    constraint "upload_projectId_check" check ((purpose = 'project') = ("projectId" is not null)),
    constraint "upload_status_check" check (status in ('pending', 'ready'))
);

-- Up to when a user has read the notifications, which are derived from likes, comments and follows.
create table "notificationMark" (
    "userId" text not null,
    "readUntil" timestamp(3) not null,
    constraint "notificationMark_pkey" primary key ("userId"),
    constraint "notificationMark_userId_fkey" foreign key ("userId")
        references "user" (id) on delete cascade on update cascade
);
