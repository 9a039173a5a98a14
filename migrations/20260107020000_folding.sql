-- no-transaction
-- One folding for all comparisons that ignore case. Both sides of a comparison call these functions: PostgreSQL lowers some
-- letters otherwise than other programs do, and the same text can be composed in several ways.
--
-- Bodies in the form of the SQL standard are bound to what they call when they are created, so that a dump restores under
-- any search path. PostgreSQL inlines `fold` and `word_start`.

-- Composes (NFC) and lowers a text. A final sigma becomes a sigma. A dotted capital I becomes an i, and so does the i with a
-- separate dot that other programs lower it to. ASCII, the usual case, needs only the lowering.
create or replace function fold(text) returns text
language sql immutable parallel safe
return case
    when octet_length($1) = char_length($1) then lower($1)
    else replace(normalize(lower(translate(normalize($1), 'ςİ', 'σi')), NFC), U&'i\0307', 'i')
end;

-- PostgreSQL cannot inline it. It costs as much as a few of its own functions, and is no reason to start workers.
create or replace function fold_all(items text[]) returns text[]
language sql immutable strict parallel restricted cost 10
return fold(items::text)::text[];

-- The first spelling of each item, in their order.
create or replace function distinct_folded(items text[]) returns text[]
language sql immutable strict parallel safe
return coalesce(
    (
        select array_agg(kept.item order by kept.place)
        from (
            select distinct on (fold(entry.item)) entry.item, entry.place
            from unnest(items) with ordinality as entry (item, place)
            order by fold(entry.item), entry.place
        ) kept
    ),
    '{}'
);

-- A regular expression that matches folded texts with a word that starts with the term. The term consists of letters, digits
-- and combining marks. A word starts after everything that is neither, and after a letter of a script without blanks.
create or replace function word_start(term text) returns text
language sql immutable parallel safe
return '(^|[^[:alnum:]'
    -- Combining marks and joiners are inside words.
    '\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u1ab0-\u1aff'
    '\u1dc0-\u1dff\u200c\u200d\ufe20-\ufe2f]|['
    -- Thai, Lao, Tibetan; Burmese; Khmer; Tai scripts; Balinese; Javanese; Japanese and Chinese.
    '\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\u3005-\u3007\u3040-\u312f\u31a0-\u31ff'
    '\u3400-\u4dbf\u4e00-\u9fff\ua980-\ua9ff\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f\U0001aff0-\U0001b16f\U00020000-\U0003ffff'
    '])' || fold(term);

create or replace function word_starts(terms text[]) returns text[]
language sql immutable strict parallel safe
return coalesce((select array_agg(word_start(term)) from unnest(terms) term), '{}');

-- A search term holds no white space, so in texts joined by line breaks it is found exactly where one of them holds it.
create or replace function user_folded_text(name text, github_username text, skills text[]) returns text
language sql immutable parallel safe
return fold(concat_ws(e'\n', name, github_username, array_to_string(skills, e'\n')));

-- The texts of projects are stored. Only rows whose text folds in another way than before are written again.
create or replace function project_search_text(title text, description text, language text, tags text[]) returns text
language sql immutable parallel safe
return fold(concat_ws(e'\n', title, description, language, array_to_string(tags, e'\n')));

-- batches
with batch as (
    select id
    from projects
    where $1::text is null or id > $1
    order by id
    limit $2::integer
),
stale as (
    select p.id
    from projects p
    join batch on batch.id = p.id
    where p."searchText" is distinct from project_search_text(p.title, p.description, p.language, p.tags)
    order by p.id
    for no key update of p
),
stored as (
    update projects set title = title where id in (select id from stale)
)
select max(id), count(*) from batch;
