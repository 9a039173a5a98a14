-- no-transaction
-- Searches for terms that have no three letters or digits in a row, which an index of trigrams does not find: words of one or two
-- letters, which match at the start of a word, `c++`, `c#`, and words of scripts without blanks. Each text has keys, each term
-- has keys, and a text that contains a term has all keys of the term. The converse is not true, so statements check the term too.

-- A regular expression for one character after which a word starts: everything that is no letter, digit or combining mark, and
-- letters of scripts without blanks.
create or replace function word_separator() returns text
language sql immutable parallel safe
return '([^[:alnum:]'
    -- Combining marks and joiners are inside words.
    '\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u1ab0-\u1aff'
    '\u1dc0-\u1dff\u200c\u200d\ufe20-\ufe2f]|['
    -- Thai, Lao, Tibetan; Burmese; Khmer; Tai scripts; Balinese; Javanese; Japanese and Chinese.
    '\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\u3005-\u3007\u3040-\u312f\u31a0-\u31ff'
    '\u3400-\u4dbf\u4e00-\u9fff\ua980-\ua9ff\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f\U0001aff0-\U0001b16f\U00020000-\U0003ffff'
    '])';

create or replace function word_start(term text) returns text
language sql immutable parallel safe
return '(^|' || word_separator() || ')' || fold(term);

-- The keys of a folded text. It is cut after each separator, and the keys are the first one and two characters and the last one
-- and two characters of each piece. It costs about 50 microseconds.
create or replace function search_keys(folded text) returns text[]
language sql immutable strict parallel safe cost 100
return array(
    select distinct key
    from string_to_table(regexp_replace(folded, word_separator(), e'\\1\x01', 'g'), e'\x01') with ordinality piece (text, place)
    cross join lateral (
        values (left(text, 1)), (left(text, 2)), (right(text, 1)), (right(text, 2))
    ) keys (key)
    where key !~ '^$|[[:space:]]'
);

-- The keys of a term, folded or not, which has no white space. Before its first separator, it may start inside a word. A term
-- without separators is a word of one or two letters, and matches at the start of a word. A term that no text can have has the
-- key '', which no text has.
create or replace function term_keys(term text) returns text[]
language sql immutable strict parallel safe
return coalesce(
    (
        select array_agg(distinct key)
        from (
            select text, place, place = count(*) over () as is_last
            from string_to_table(regexp_replace(fold(term), word_separator(), e'\\1\x01', 'g'), e'\x01')
                with ordinality piece (text, place)
        ) piece
        cross join lateral (
            select left(text, 1) where place > 1 or is_last
            union all
            select left(text, 2) where (place > 1 or is_last) and char_length(text) > 1
            union all
            select right(text, 1) where not is_last
            union all
            select right(text, 2) where not is_last and char_length(text) > 1
        ) keys (key)
        where key <> ''
    ),
    array['']
);

create or replace function all_term_keys(terms text[]) returns text[]
language sql immutable strict parallel safe
return (select array_agg(key) from unnest(terms) term cross join lateral unnest(term_keys(term)) key);

create index concurrently if not exists "projects_search_keys_idx" on projects using gin (search_keys("searchText")) where "isPublic";

-- Of partial indexes the planner takes no statistics.
create statistics if not exists "projects_search_keys_stats" on (search_keys("searchText")) from projects;

create index concurrently if not exists "user_search_keys_idx" on "user" using gin
    (search_keys(user_folded_text(name, "githubUsername", skills))) where "isActive";
create statistics if not exists "user_search_keys_stats"
    on (search_keys(user_folded_text(name, "githubUsername", skills))) from "user";
