//! Generates combinations of routes and parameters.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::database::FilterNames;

/// Words from frequent to absent, with one letter, two letters, signs and ideographs.
const SEARCHES: [&str; 16] = [
    "",
    "rust",
    "editor",
    "a",
    "go",
    "c%2B%2B",
    "zq",
    "cyclists",
    "rust+editor",
    "go+rust",
    "zq+qz",
    "a+b",
    "for+written",
    "e+o",
    "%E7%BC%96%E8%BE%91",
    "quiet+ledger+climate",
];

const SORTS: [&str; 7] = [
    "newest",
    "likes",
    "views",
    "comments",
    "updated",
    "trending",
    "relevance",
];

/// Returns paths, and whether each is sent with a session.
pub fn all(names: &FilterNames) -> Vec<(String, bool)> {
    let mut paths = Vec::new();
    let frequent = |names: &[String]| names.first().cloned().unwrap_or_default();
    let rare = |names: &[String]| names.last().cloned().unwrap_or_default();
    let mut filters = vec![String::new()];
    for tag in &names.tags {
        filters.push(format!("&tag={tag}"));
    }
    for language in &names.languages {
        filters.push(format!("&language={}", encoded(language)));
    }
    filters.push(format!(
        "&tag={}&tag={}",
        frequent(&names.tags),
        rare(&names.tags)
    ));
    filters.push(format!(
        "&tag={}&tag={}&language={}",
        names.tags.first().map_or("", String::as_str),
        names.tags.get(1).map_or("", String::as_str),
        encoded(&rare(&names.languages))
    ));
    for search in SEARCHES {
        let q = if search.is_empty() {
            String::new()
        } else {
            format!("&q={search}")
        };
        for (place, filter) in filters.iter().enumerate() {
            for (number, sort) in SORTS.iter().enumerate() {
                // Relevance needs words. Every third of the other combinations is enough.
                let skipped = *sort == "relevance" && q.is_empty();
                if !skipped && (place + number) % 3 == 0 {
                    paths.push((format!("/projects?sort={sort}{q}{filter}"), false));
                }
            }
            paths.push((format!("/projects/facets?limit=20{q}{filter}"), false));
        }
        for skill in &names.skills {
            paths.push((format!("/users?skill={}{q}", encoded(skill)), true));
        }
        for sort in ["newest", "followers", "suggested"] {
            paths.push((format!("/users?sort={sort}{q}"), true));
        }
    }
    for filter in &filters {
        paths.push((format!("/feed?limit=20{filter}"), true));
    }
    paths
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_at_least_500_different_combinations() {
        let names = |kind: &str| (1..=6).map(|number| format!("{kind}{number}")).collect();
        let names = FilterNames {
            tags: names("tag"),
            languages: names("C++"),
            skills: names("skill"),
        };

        let all = all(&names);

        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert!(all.len() >= 500, "{}", all.len());
    }
}
