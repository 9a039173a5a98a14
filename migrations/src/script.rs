//! Splits a migration into its statements.

/// How a statement is executed. A comment on a line of its own before the statement chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Once.
    Plain,
    /// `-- gexec`: it is a query, and each value that it returns is a statement to execute. No row, no statement.
    Generates,
    /// `-- batches`: again and again until it returns null.
    Batches,
}

/// A statement without the comments before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    pub text: &'a str,
    /// Line of its first word, counted from 1.
    pub line: usize,
    pub kind: Kind,
    /// Whether a comment `-- accepted: …` gives the reason why its locks are harmless.
    pub is_accepted: bool,
}

impl Statement<'_> {
    /// The first words, for a person.
    pub fn summary(&self) -> String {
        const MAX: usize = 72;
        let words = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        match words.char_indices().nth(MAX) {
            None => words,
            Some((end, _)) => format!("{}…", &words[..end]),
        }
    }

    /// The words in lower case.
    pub(crate) fn words(&self) -> Vec<String> {
        self.text
            .split_whitespace()
            .map(str::to_ascii_lowercase)
            .collect()
    }

    /// Whether it cannot run in a transaction.
    pub(crate) fn is_concurrent(&self) -> bool {
        let words = self.words();
        let first: Vec<&str> = words.iter().take(4).map(String::as_str).collect();
        matches!(
            first[..],
            ["create" | "drop", "index", "concurrently", ..]
                | ["create", "unique", "index", "concurrently"]
        )
    }

    /// The name of the index that it creates concurrently.
    pub(crate) fn concurrent_index(&self) -> Option<String> {
        if !self.is_concurrent() || !self.words()[0].starts_with("create") {
            return None;
        }
        let mut words = self
            .text
            .split_whitespace()
            .skip_while(|word| !word.eq_ignore_ascii_case("concurrently"))
            .skip(1)
            .skip_while(|word| {
                ["if", "not", "exists"]
                    .iter()
                    .any(|skipped| word.eq_ignore_ascii_case(skipped))
            });
        let name = words.next()?;
        Some(match name.strip_prefix('"') {
            Some(quoted) => quoted.trim_end_matches('"').to_owned(),
            None => name.to_ascii_lowercase(),
        })
    }
}

/// Returns the statements of a script. Splits as `psql` does: at each semicolon outside of quotes and comments.
pub fn statements(script: &str) -> Vec<Statement<'_>> {
    let mut statements = Vec::new();
    let mut start = None;
    let mut position = 0;
    let mut end_of_last = 0;
    while position < script.len() {
        let rest = &script[position..];
        if let Some(length) = blank(rest) {
            position += length;
            continue;
        }
        if rest.starts_with(';') {
            statements.extend(
                start
                    .take()
                    .map(|start| made(script, end_of_last, start, position)),
            );
            position += 1;
            end_of_last = position;
            continue;
        }
        start.get_or_insert(position);
        position += quoted(rest, &script[..position]).unwrap_or_else(|| character(rest));
    }
    statements.extend(start.map(|start| made(script, end_of_last, start, script.len())));
    statements
}

/// `before` is the end of the statement before.
fn made(script: &str, before: usize, start: usize, end: usize) -> Statement<'_> {
    let comments = || script[before..start].lines().map(str::trim);
    let kind = if comments().any(|line| line == "-- gexec") {
        Kind::Generates
    } else if comments().any(|line| line == "-- batches") {
        Kind::Batches
    } else {
        Kind::Plain
    };
    Statement {
        text: script[start..end].trim_end(),
        line: script[..start].matches('\n').count() + 1,
        kind,
        is_accepted: comments().any(|line| line.starts_with("-- accepted: ")),
    }
}

fn character(rest: &str) -> usize {
    rest.chars().next().map_or(1, char::len_utf8)
}

/// Returns the length of white space or of a comment at the start.
fn blank(rest: &str) -> Option<usize> {
    if rest.starts_with("--") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    let first = rest.chars().next()?;
    first.is_whitespace().then(|| first.len_utf8())
}

/// Returns the length of a block comment. PostgreSQL nests block comments.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut position = 0;
    while position < rest.len() {
        let here = &rest[position..];
        if here.starts_with("/*") {
            depth += 1;
            position += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            position += 2;
            if depth == 0 {
                return position;
            }
        } else {
            position += character(here);
        }
    }
    rest.len()
}

/// Returns the length of a quoted text or name at the start.
fn quoted(rest: &str, before: &str) -> Option<usize> {
    match rest.as_bytes().first()? {
        b'\'' => {
            let escapes = before.ends_with(['e', 'E'])
                && !before[..before.len() - 1].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            Some(until_quote(rest, b'\'', escapes))
        }
        b'"' => Some(until_quote(rest, b'"', false)),
        b'$' if !before.ends_with(|c: char| c.is_alphanumeric() || c == '_') => dollar_quoted(rest),
        _ => None,
    }
}

/// Returns the length up to the closing quote. A doubled quote ends one text and starts the next, so it needs no rule.
fn until_quote(rest: &str, quote: u8, escapes: bool) -> usize {
    let bytes = rest.as_bytes();
    let mut position = 1;
    while position < bytes.len() {
        match bytes[position] {
            b'\\' if escapes => position += 2,
            byte if byte == quote => return position + 1,
            _ => position += 1,
        }
    }
    rest.len()
}

/// Returns the length of `$$ … $$` or `$tag$ … $tag$`.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let tag_end = 1 + rest[1..].find('$')?;
    let tag = &rest[..=tag_end];
    let name = &tag[1..tag_end];
    if name.starts_with(|c: char| c.is_ascii_digit())
        || !name.chars().all(|c| c.is_alphanumeric() || c == '_')
    {
        return None;
    }
    let end = rest[tag.len()..]
        .find(tag)
        .map(|found| tag.len() + found + tag.len());
    Some(end.unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(script: &str) -> Vec<(usize, &str)> {
        statements(script)
            .into_iter()
            .map(|statement| (statement.line, statement.text))
            .collect()
    }

    #[test]
    fn statements_are_split_at_semicolons_and_have_their_line() {
        assert_eq!(
            split("-- one; two\nselect 1;\n\n/* a; /* b; */ */ select 2 -- no; end\n;\nselect 3"),
            [(2, "select 1"), (4, "select 2 -- no; end"), (6, "select 3")]
        );
        assert_eq!(split(" ;; -- nothing\n"), []);
    }

    #[test]
    fn a_comment_before_a_statement_chooses_how_it_is_executed() {
        let script = "-- first\n-- gexec\nselect 1;\nselect 2; -- batches\n-- batches\n-- accepted: it is small.\nselect 3;";

        let kinds: Vec<_> = statements(script)
            .into_iter()
            .map(|statement| (statement.kind, statement.is_accepted))
            .collect();

        let expected = [
            (Kind::Generates, false),
            (Kind::Plain, false),
            (Kind::Batches, true),
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn the_name_of_an_index_is_found() {
        for (text, name) in [
            (
                r#"create index concurrently if not exists "a_B_idx" on a (b)"#,
                Some("a_B_idx"),
            ),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY\n  Thing ON a (b)",
                Some("thing"),
            ),
            ("create index if not exists a on b (c)", None),
            ("drop index concurrently a", None),
        ] {
            let found = statements(text)[0].concurrent_index();
            assert_eq!(found.as_deref(), name, "{text}");
        }
    }

    #[test]
    fn semicolons_in_quotes_are_part_of_the_statement() {
        for statement in [
            "select 'a;b', \"c;d\"",
            "select 'it''s; fine'",
            r"select E'\'; still'",
            "do $$ begin; end $$",
            "do $body$ select '$$;' $body$",
            "select $1, a$b, 'é;'",
        ] {
            assert_eq!(split(&format!("{statement};")), [(1, statement)]);
        }
    }

    #[test]
    fn the_projects_own_migrations_are_split_into_whole_statements() {
        let mut count = 0;
        for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "sql") {
                continue;
            }
            let script = std::fs::read_to_string(&path).unwrap();
            for statement in statements(&script) {
                let word = statement.text.split_whitespace().next().unwrap_or_default();
                assert!(
                    word.chars().all(|c| c.is_ascii_alphabetic()),
                    "{}:{}: {word}",
                    path.display(),
                    statement.line
                );
                count += 1;
            }
        }
        assert!(count > 20, "{count}");
    }
}
