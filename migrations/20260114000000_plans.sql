-- The counter lacks the comments of users whose ban has expired and was not lifted. While there are such users, each project's
-- comments are read to find theirs. Otherwise, no comments are read.
create or replace function visible_comments(project_id text, stored integer) returns table (count bigint)
language sql stable parallel safe rows 1
as $$
    select stored + case
        when (select exists (select from "user" u where u.banned and is_visible(u))) then (
            select count(*)
            from comments c
            join "user" u on u.id = c."authorId"
            where c."projectId" = project_id and u.banned and is_visible(u)
        )
        else 0
    end
$$;

-- `fold_all` takes 3 microseconds for the tags of a project. With a lower cost, PostgreSQL computes it for each of 15,000 projects instead of using an index.
alter function fold_all(text[]) cost 100;

-- The part of a search of people that indexes check: the terms, but not that short ones start a word, and the keys of terms without
-- trigrams. Who matches the search has these matches, too. The index does not find the terms of an array, so the first two of
-- the other terms stand alone. PostgreSQL inlines it as it does `matches_search`.
create or replace function has_index_matches(
    u "user",
    term text,
    more_terms text[],
    wanted_skills text[],
    place text,
    unindexed text[]
) returns boolean
language sql stable parallel safe
as $$
    select matches_search(u, term, '{}', wanted_skills, place, '{}')
        and (
            cardinality(unindexed) = 0
            or search_keys(user_folded_text(u.name, u."githubUsername", u.skills)) @> all_term_keys(unindexed)
        )
        and (
            more_terms[1] is null
            or user_folded_text(u.name, u."githubUsername", u.skills) like fold(more_terms[1])
        )
        and (
            more_terms[2] is null
            or user_folded_text(u.name, u."githubUsername", u.skills) like fold(more_terms[2])
        )
$$;
