//! Finds statements of migrations that would make readers or writers wait.

use std::collections::BTreeSet;

use sqlx::migrate::Migration;

use crate::script::{Kind, Statement, statements};

/// A statement that a migration must not contain, unless a comment `-- accepted: …` before it gives the reason why it is
/// harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockingStatement {
    pub line: usize,
    pub reason: &'static str,
}

/// The locks that a statement takes, for a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// In the words of PostgreSQL's documentation. `None` locks rows only, or nothing.
    pub mode: Option<&'static str>,
    pub table: Option<String>,
}

/// Returns the statements that lock a table which the migration has not created itself for longer than a moment.
pub fn locking_statements(migration: &Migration) -> Vec<LockingStatement> {
    let script = statements(migration.sql.as_str());
    let created: BTreeSet<String> = script.iter().filter_map(created_table).collect();
    let mut found = Vec::new();
    for (index, statement) in script.iter().enumerate() {
        let is_own = lock(statement)
            .table
            .is_some_and(|table| created.contains(&table));
        let reason = if statement.is_concurrent() && !migration.no_tx {
            Some("`concurrently` needs a file that starts with `-- no-transaction`")
        } else if matches!(statement.kind, Kind::Generates | Kind::Batches) && !migration.no_tx {
            Some("`-- gexec` and `-- batches` need a file that starts with `-- no-transaction`")
        } else if is_own || statement.is_accepted {
            None
        } else {
            reason(statement, &script[..index])
        };
        found.extend(reason.map(|reason| LockingStatement {
            line: statement.line,
            reason,
        }));
    }
    found
}

fn reason(statement: &Statement<'_>, before: &[Statement<'_>]) -> Option<&'static str> {
    let text = statement.words().join(" ");
    let starts = |words: &str| text.starts_with(words);
    if starts("create index") || starts("create unique index") {
        return (!statement.is_concurrent()).then_some(
            "it blocks writers while it builds the index: use `create index concurrently`",
        );
    }
    if starts("drop index") {
        return (!statement.is_concurrent())
            .then_some("it blocks readers: use `drop index concurrently`");
    }
    if starts("drop table") || starts("drop type") || starts("drop view") || starts("drop schema") {
        return Some("older programs may still use it: remove it in a later deployment");
    }
    if starts("alter table") {
        return altered(&text, before);
    }
    if starts("update") || starts("delete") || starts("merge") || starts("with") {
        return (statement.kind != Kind::Batches)
            .then_some("it locks every row that it writes until it ends: use `-- batches`");
    }
    if starts("truncate") || starts("lock") || starts("cluster") || starts("vacuum full") {
        return Some("it blocks readers and writers");
    }
    if starts("reindex") && !text.contains(" concurrently ") {
        return Some("it blocks writers: use `reindex index concurrently`");
    }
    if starts("refresh materialized view") && !text.contains(" concurrently ") {
        return Some("it blocks readers: use `concurrently`");
    }
    if starts("do ")
        && [
            "alter table",
            "create index",
            "create unique index",
            "update ",
            "delete from",
        ]
        .iter()
        .any(|part| text.contains(part))
    {
        return Some("a block is one transaction, and nobody sees what it locks: use `-- gexec`");
    }
    None
}

/// Looks at the actions of `alter table`. Actions that change the catalog only are accepted.
fn altered(text: &str, before: &[Statement<'_>]) -> Option<&'static str> {
    for action in actions(text) {
        if action.contains("set not null") {
            if !is_checked(&action, before) {
                return Some(
                    "it reads the whole table under a lock: validate a constraint \
                     `check (… is not null)` in a statement before",
                );
            }
        } else if action.contains(" type ") {
            return Some("a new type may write the whole table anew: add a column instead");
        } else if action.starts_with("add column") {
            if action.contains("generated") || action.contains("serial") {
                return Some("it writes the whole table anew: let a trigger store the value");
            }
            if action.contains("not null") && !action.contains("default") {
                return Some("existing rows have no value: add a constant default");
            }
            let volatile = ["random", "gen_random_uuid", "clock_timestamp", "nextval"];
            if volatile.iter().any(|function| action.contains(function)) {
                return Some("its default writes the whole table anew: it is not constant");
            }
            if ["references", "unique", "primary key", "check ("]
                .iter()
                .any(|part| action.contains(part))
            {
                return Some(
                    "it reads the whole table under a lock: add the constraint `not valid`",
                );
            }
        } else if action.starts_with("add ") {
            if action.contains("using index") {
                continue;
            }
            if !action.contains("not valid") {
                return Some(
                    "it reads the whole table under a lock: add it `not valid` and validate it, \
                     or build a unique index concurrently",
                );
            }
        } else if action.starts_with("drop column") || action.starts_with("rename") {
            return Some("older programs may still use it: remove it in a later deployment");
        } else if action.starts_with("set logged")
            || action.starts_with("set unlogged")
            || action.starts_with("set tablespace")
        {
            return Some("it writes the whole table anew");
        }
    }
    None
}

/// The actions of `alter table …`, without the name of the table.
fn actions(text: &str) -> Vec<String> {
    let mut rest = text.trim_start_matches("alter table ");
    for word in ["if exists ", "only "] {
        rest = rest.trim_start_matches(word);
    }
    let rest = rest.split_once(' ').map_or("", |(_, actions)| actions);
    let (mut depth, mut actions) = (0_i32, vec![String::new()]);
    for character in rest.chars() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        if character == ',' && depth == 0 {
            actions.push(String::new());
        } else if let Some(action) = actions.last_mut() {
            action.push(character);
        }
    }
    actions
        .into_iter()
        .map(|action| {
            action
                .trim()
                .replace("add column if not exists", "add column")
        })
        .collect()
}

/// Whether the column of `alter column … set not null` was checked by a constraint that is valid.
fn is_checked(action: &str, before: &[Statement<'_>]) -> bool {
    let Some(column) = action.split(' ').nth(2) else {
        return false;
    };
    let texts: Vec<String> = before
        .iter()
        .map(|statement| statement.words().join(" "))
        .collect();
    texts.iter().any(|text| {
        let name = text
            .split_once("add constraint ")
            .and_then(|(_, rest)| rest.split_once(' '));
        name.is_some_and(|(name, rest)| {
            rest.contains(&format!("({column} is not null)"))
                && texts
                    .iter()
                    .any(|other| other.contains(&format!("validate constraint {name}")))
        })
    })
}

fn created_table(statement: &Statement<'_>) -> Option<String> {
    let words = statement.words();
    let place = words.iter().position(|word| word == "table")?;
    if words[0] != "create" || place > 2 {
        return None;
    }
    table_after(statement, "table")
}

/// The lock of a statement.
pub fn lock(statement: &Statement<'_>) -> Lock {
    let text = statement.words().join(" ");
    let of = |mode, word| Lock {
        mode: Some(mode),
        table: table_after(statement, word),
    };
    let rows = |word| Lock {
        mode: None,
        table: table_after(statement, word),
    };
    if statement.is_concurrent() {
        return of("SHARE UPDATE EXCLUSIVE", "on");
    }
    let starts = |words: &str| text.starts_with(words);
    if starts("create index") || starts("create unique index") {
        of("SHARE", "on")
    } else if starts("alter table") && text.contains("validate constraint") {
        of("SHARE UPDATE EXCLUSIVE", "table")
    } else if starts("alter table") || starts("drop table") {
        of("ACCESS EXCLUSIVE", "table")
    } else if starts("drop index") {
        of("ACCESS EXCLUSIVE", "index")
    } else if starts("create trigger") || starts("create or replace trigger") {
        of("SHARE ROW EXCLUSIVE", "on")
    } else if starts("create statistics") {
        of("SHARE UPDATE EXCLUSIVE", "from")
    } else if starts("create") && text.contains(" references ") {
        of("SHARE ROW EXCLUSIVE", "references")
    } else if starts("update") {
        rows("update")
    } else if starts("delete") || starts("with") {
        rows("from")
    } else if starts("insert") {
        rows("into")
    } else {
        Lock {
            mode: None,
            table: None,
        }
    }
}

/// The name of the table after the first such word.
fn table_after(statement: &Statement<'_>, word: &str) -> Option<String> {
    let mut words = statement
        .text
        .split_whitespace()
        .skip_while(|found| !found.eq_ignore_ascii_case(word))
        .skip(1)
        .skip_while(|found| {
            ["if", "not", "exists", "only"]
                .iter()
                .any(|skipped| found.eq_ignore_ascii_case(skipped))
        });
    let name = words.next()?;
    let end = name.find(['(', ';', ',']).unwrap_or(name.len());
    Some(name[..end].trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, SqlSafeStr as _, migrate::MigrationType};

    use super::*;

    fn reasons(script: &str) -> Vec<String> {
        let no_tx = script.starts_with("-- no-transaction");
        let migration = Migration::new(
            1,
            "test".into(),
            MigrationType::Simple,
            AssertSqlSafe(script.to_owned()).into_sql_str(),
            no_tx,
        );
        locking_statements(&migration)
            .into_iter()
            .map(|found| format!("{}: {}", found.line, found.reason))
            .collect()
    }

    #[test]
    fn the_projects_own_migrations_lock_nothing_for_long() {
        let mut found = Vec::new();
        for migration in crate::migrator().iter() {
            for statement in locking_statements(migration) {
                found.push(format!(
                    "migrations/{}_{}.sql:{}: {}",
                    migration.version,
                    migration.description.replace(' ', "_"),
                    statement.line,
                    statement.reason
                ));
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn statements_that_lock_are_found() {
        for script in [
            "create index thing on projects (id)",
            "create index concurrently thing on projects (id)",
            "create unique index thing on projects (id)",
            "drop index thing",
            "drop table projects",
            r#"alter table "user" add column age integer not null"#,
            r#"alter table "user" add column age integer generated always as (1) stored"#,
            r#"alter table "user" add column key uuid not null default gen_random_uuid()"#,
            r#"alter table "user" add column other text references "user" (id)"#,
            r#"alter table "user" add column a text, alter column age type bigint"#,
            r#"alter table "user" alter column age set not null"#,
            r#"alter table "user" add constraint c check (age > 0)"#,
            r#"alter table "user" add constraint u unique (age)"#,
            r#"alter table "user" drop column age"#,
            r#"alter table "user" rename to users"#,
            "update projects set title = ''",
            "with a as (select 1) update projects set title = ''",
            "delete from projects",
            "truncate projects",
            "lock table projects",
            "vacuum full",
            "do $$ begin update projects set title = ''; end $$",
            "-- batches\nupdate projects set title = ''",
            "-- gexec\nselect 'select 1'",
        ] {
            assert_eq!(reasons(script).len(), 1, "{script}");
        }
    }

    #[test]
    fn statements_that_lock_for_a_moment_are_accepted() {
        for script in [
            "-- no-transaction\ncreate index concurrently thing on projects (id)",
            "-- no-transaction\ndrop index concurrently if exists thing",
            "-- no-transaction\n-- batches\nupdate projects set title = ''",
            r#"alter table "user" add column if not exists age integer not null default 0"#,
            r#"alter table "user" add column tags text[] default array['a', 'b']::text[]"#,
            r#"alter table "user" add constraint c check (age > 0) not valid"#,
            r#"alter table "user" validate constraint c"#,
            "create table a (id int); create index b on a (id); update a set id = 1",
            "alter table t add constraint c check (age is not null) not valid;
               alter table t validate constraint c;
               alter table t alter column age set not null",
            "-- accepted: there are few.\nupdate projects set title = ''",
            "create or replace function f() returns void language sql as 'select 1'",
        ] {
            assert_eq!(reasons(script), [] as [String; 0], "{script}");
        }
    }
}
