-- no-transaction
-- Names and images of users are shown in every list, so they are bounded for every writer: names have at most 255 characters,
-- and neither control characters nor characters that change the direction of the text around them; images are http or https
-- addresses of at most 2,048 characters. A name may be empty: some people have none at their provider.
--
-- `not valid` skips the scan under the lock. PostgreSQL enforces the checks on every update of a row, also one that does not
-- change the name, so rows that break them are brought into form here:
-- before, and again for rows that were written meanwhile.

-- accepted: only rows that break the rules are written.
update "user"
set name = btrim(left(regexp_replace(name, '[\u0001-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]', '', 'g'), 255))
where char_length(name) > 255 or name ~ '[\u0001-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]';

-- accepted: only rows that break the rules are written.
update "user"
set image = null
where char_length(image) > 2048 or image !~* '^https?://[^/[:space:]]' or image ~ '[\u0001-\u0020\u007f]';

-- gexec
select $$
    alter table "user"
        add constraint "user_name_check" check (
            char_length(name) <= 255
            and name !~ '[\u0001-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]'
        ) not valid,
        add constraint "user_image_check" check (
            char_length(image) <= 2048
            and image ~* '^https?://[^/[:space:]]'
            and image !~ '[\u0001-\u0020\u007f]'
        ) not valid
$$
where not exists (select from pg_constraint where conrelid = '"user"'::regclass and conname = 'user_name_check');

-- accepted: only rows that break the rules are written.
update "user"
set name = btrim(left(regexp_replace(name, '[\u0001-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]', '', 'g'), 255))
where char_length(name) > 255 or name ~ '[\u0001-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]';

-- accepted: only rows that break the rules are written.
update "user"
set image = null
where char_length(image) > 2048 or image !~* '^https?://[^/[:space:]]' or image ~ '[\u0001-\u0020\u007f]';
