-- A trigger that names a column, in its list or in its condition, keeps that column from changing its type. The times of
-- likes and comments have three digits here and six in some databases, so they must stay free to change.

create or replace function recount_trends_of_moved_comment() returns trigger
language plpgsql
as $$
begin
    if (old."createdAt", old."authorId", old."projectId")
        is distinct from (new."createdAt", new."authorId", new."projectId")
    then
        perform recount_trends(array[old."projectId", new."projectId"]);
    end if;
    return null;
end
$$;

create or replace trigger "likes_trends_moved"
    after update on likes
    for each row
    when (old.* is distinct from new.*)
    execute function recount_trends_of_moved();

create or replace trigger "comments_trends_moved"
    after update on comments
    for each row
    execute function recount_trends_of_moved_comment();
