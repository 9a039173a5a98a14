-- The search of people without the keys of terms that have no trigrams. The lists of people check it for people whom they read in
-- order, and find people by it. PostgreSQL inlines it and leaves out the conditions whose parameter is empty.
create or replace function matches_search(
    u "user",
    term text,
    more_terms text[],
    wanted_skills text[],
    place text,
    starts text[]
) returns boolean
language sql stable parallel safe
as $$
    select (term is null or user_folded_text(u.name, u."githubUsername", u.skills) like fold(term))
        and user_folded_text(u.name, u."githubUsername", u.skills) like all (fold_all(more_terms))
        and (cardinality(wanted_skills) = 0 or fold_all(u.skills) @> fold_all(wanted_skills))
        and (place is null or fold(u.location) like fold(place))
        and (
            cardinality(starts) = 0
            or user_folded_text(u.name, u."githubUsername", u.skills) ~ all (word_starts(starts))
        )
$$;
