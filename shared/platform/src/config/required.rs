//! The variables that a group requires in production.

use super::variables::Variables;

/// The variables that a group requires in addition to the common ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct Required {
    names: &'static [&'static str],
    one_of: &'static [&'static [&'static str]],
}

impl Required {
    /// At least one of these sets must be complete, and none may be incomplete.
    pub const fn one_of(sets: &'static [&'static [&'static str]]) -> Self {
        Self {
            names: &[],
            one_of: sets,
        }
    }

    /// Lists the variables that are not set: of `common` and of the required ones. If no set has any, the sets are
    /// listed as alternatives.
    pub(super) fn missing(&self, common: &[&'static str], variables: &Variables) -> Vec<String> {
        let is_missing = |name: &&str| variables.get(name).is_none();
        let mut missing: Vec<String> = common
            .iter()
            .chain(self.names)
            .copied()
            .filter(is_missing)
            .map(str::to_owned)
            .collect();
        let mut begun = self
            .one_of
            .iter()
            .filter(|set| !set.iter().all(&is_missing))
            .peekable();
        if begun.peek().is_none() && !self.one_of.is_empty() {
            let sets: Vec<_> = self.one_of.iter().map(|set| set.join(" and ")).collect();
            missing.push(sets.join(" or "));
        }
        missing.extend(
            begun
                .flat_map(|set| set.iter().copied())
                .filter(is_missing)
                .map(str::to_owned),
        );
        missing
    }
}

impl<const N: usize> From<&'static [&'static str; N]> for Required {
    fn from(names: &'static [&'static str; N]) -> Self {
        Self {
            names,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETS: Required = Required::one_of(&[&["A_ID", "A_SECRET"], &["B_ID", "B_SECRET"]]);

    fn missing(set: &[&str]) -> String {
        let variables: Variables = set
            .iter()
            .map(|name| ((*name).to_owned(), "x".to_owned()))
            .collect();
        SETS.missing(&["URL"], &variables).join(", ")
    }

    #[test]
    fn one_complete_set_is_enough_and_an_incomplete_one_is_reported() {
        assert_eq!(missing(&["URL", "A_ID", "A_SECRET"]), "");
        assert_eq!(missing(&["URL", "B_ID", "B_SECRET"]), "");
        assert_eq!(missing(&["URL", "A_ID", "A_SECRET", "B_ID"]), "B_SECRET");
        assert_eq!(missing(&["A_SECRET"]), "URL, A_ID");
        assert_eq!(missing(&["URL"]), "A_ID and A_SECRET or B_ID and B_SECRET");
    }
}
