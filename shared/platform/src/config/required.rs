//! The variables that a group requires in production.

use super::variables::Variables;

/// The variables that a program requires in addition to the common ones.
#[derive(Clone, Debug, Default)]
pub struct Required {
    names: Vec<&'static str>,
    alternatives: Vec<&'static [&'static [&'static str]]>,
}

impl Required {
    /// At least one of these sets must be complete, and none may be incomplete.
    pub fn one_of(sets: &'static [&'static [&'static str]]) -> Self {
        Self {
            names: Vec::new(),
            alternatives: vec![sets],
        }
    }

    /// Requires the variables of both.
    pub fn and(mut self, other: Self) -> Self {
        self.names.extend(other.names);
        self.alternatives.extend(other.alternatives);
        self
    }

    /// Lists the variables that are not set: of `common` and of the required ones. If no set has any, the sets are
    /// listed as alternatives.
    pub(super) fn missing(&self, common: &[&'static str], variables: &Variables) -> Vec<String> {
        let is_missing = |name: &&str| variables.get(name).is_none();
        let mut missing: Vec<String> = common
            .iter()
            .chain(&self.names)
            .copied()
            .filter(is_missing)
            .map(str::to_owned)
            .collect();
        for sets in &self.alternatives {
            let mut begun = sets
                .iter()
                .filter(|set| !set.iter().all(&is_missing))
                .peekable();
            if begun.peek().is_none() {
                let sets: Vec<_> = sets.iter().map(|set| set.join(" and ")).collect();
                missing.push(sets.join(" or "));
            }
            missing.extend(
                begun
                    .flat_map(|set| set.iter().copied())
                    .filter(is_missing)
                    .map(str::to_owned),
            );
        }
        missing
    }
}

impl<const N: usize> From<&'static [&'static str; N]> for Required {
    fn from(names: &'static [&'static str; N]) -> Self {
        Self {
            names: names.to_vec(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETS: &[&[&str]] = &[&["A_ID", "A_SECRET"], &["B_ID", "B_SECRET"]];

    fn missing(set: &[&str]) -> String {
        missing_of(&Required::one_of(SETS), set)
    }

    fn missing_of(required: &Required, set: &[&str]) -> String {
        let variables: Variables = set
            .iter()
            .map(|name| ((*name).to_owned(), "x".to_owned()))
            .collect();
        required.missing(&["URL"], &variables).join(", ")
    }

    #[test]
    fn one_complete_set_is_enough_and_an_incomplete_one_is_reported() {
        assert_eq!(missing(&["URL", "A_ID", "A_SECRET"]), "");
        assert_eq!(missing(&["URL", "B_ID", "B_SECRET"]), "");
        assert_eq!(missing(&["URL", "A_ID", "A_SECRET", "B_ID"]), "B_SECRET");
        assert_eq!(missing(&["A_SECRET"]), "URL, A_ID");
        assert_eq!(missing(&["URL"]), "A_ID and A_SECRET or B_ID and B_SECRET");
    }

    #[test]
    fn a_program_of_several_groups_requires_the_variables_of_each() {
        let both = Required::one_of(SETS)
            .and(Required::from(&["C"]))
            .and(Required::default());

        assert_eq!(missing_of(&both, &["URL", "C", "A_ID"]), "A_SECRET");
        assert_eq!(missing_of(&both, &["URL", "A_ID", "A_SECRET"]), "C");
    }
}
