//! Filters of lists and facets.

use shared::{
    http::{Check as _, Fields, Rule as _, boolean, date_time, one_of, text, texts},
    search::{self, Term},
    time::Timestamp,
};

use crate::project::bare_tag;

/// The filters of a list or of facets.
#[derive(Debug, Default)]
pub struct Filter {
    /// All of them must occur.
    pub terms: Vec<Term>,
    /// All of them must match.
    pub tags: Vec<String>,
    /// One of them must match.
    pub languages: Vec<String>,
    pub author: Option<String>,
    pub liked_by: Option<String>,
    pub is_public: Option<bool>,
    pub created_after: Option<Timestamp>,
}

impl Filter {
    /// Reads the parameters that lists and facets have in common.
    pub fn from_fields(fields: &mut Fields) -> Self {
        let q = text().not_empty().max(100).optional();
        let q = fields.read(
            "q",
            q.about("Search terms, up to 8. Each occurs in the title, the description, the language or a tag"),
        );
        let terms = search::terms(&q.unwrap_or_default());
        if terms.len() > search::MAX_TERMS {
            fields.refuse(format!(
                "q must contain no more than {} terms",
                search::MAX_TERMS
            ));
        }
        let tags = texts().max_items(10).in_form(bare_tag).or(Vec::new());
        let languages = texts().max_items(10).trimmed().or(Vec::new());
        let author = text().optional().about("Only projects of this user, by id");
        let liked_by = text()
            .optional()
            .about("Only projects that this user likes, by id");
        let drafts = boolean()
            .optional()
            .about("`false` lists your drafts, with `author` as your own id");
        let created_after = date_time()
            .optional()
            .about("Only projects created after this time");
        Self {
            terms,
            tags: fields.read("tag", tags.about("Only projects with all of these tags")),
            languages: fields.read(
                "language",
                languages.about("Only projects in any of these languages; case is ignored"),
            ),
            author: fields.read("author", author),
            liked_by: fields.read("likedBy", liked_by),
            is_public: fields.read("isPublic", drafts),
            created_after: fields.read("createdAfter", created_after),
        }
    }

    /// Returns whether no filter except `isPublic` is set.
    pub fn is_empty(&self) -> bool {
        let Self {
            terms,
            tags,
            languages,
            author,
            liked_by,
            is_public: _,
            created_after,
        } = self;
        terms.is_empty()
            && tags.is_empty()
            && languages.is_empty()
            && author.is_none()
            && liked_by.is_none()
            && created_after.is_none()
    }

    /// Returns whether one search term is the only filter.
    pub fn is_one_term(&self) -> bool {
        self.terms.len() == 1
            && self.tags.is_empty()
            && self.languages.is_empty()
            && !self.is_small()
            && self.created_after.is_none()
    }

    /// Returns whether some terms have trigrams and others have none.
    pub fn has_mixed_terms(&self) -> bool {
        self.terms.iter().any(Term::is_indexed) && !self.terms.iter().all(Term::is_indexed)
    }

    /// Returns whether only projects of one author, or those that one user likes, match.
    pub fn is_small(&self) -> bool {
        self.author.is_some() || self.liked_by.is_some()
    }

    /// Returns whether the list contains only the viewer's own projects, including drafts.
    pub fn is_own(&self, viewer: Option<&str>) -> bool {
        viewer.is_some() && self.author.as_deref() == viewer
    }
}

/// The period of `trending` and facets.
#[derive(Clone, Copy, Debug, Default)]
pub enum Window {
    Day,
    #[default]
    Week,
    Month,
}

impl Window {
    /// Reads `window`.
    pub fn from_fields(fields: &mut Fields) -> Self {
        let window = one_of(&[("24h", Self::Day), ("7d", Self::Week), ("30d", Self::Month)]);
        let window = window.or(Self::default());
        fields.read(
            "window",
            window.about("Period in which likes and comments count for `trending`, and of `recentCount` and `previousCount`; `7d` by default"),
        )
    }

    /// Returns the length in hours.
    pub fn hours(self) -> i32 {
        match self {
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        }
    }
}
