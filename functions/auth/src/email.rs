//! E-mail addresses, as the validator of Better Auth accepts them.

/// Returns whether zod 4 accepts the text as an e-mail address.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_atom = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '\'' | '+' | '-'))
    };
    let Some((labels, last)) = domain.rsplit_once('.') else {
        return false;
    };
    let is_label = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    local.split('.').all(is_atom)
        && !local.ends_with('\'')
        && labels.split('.').all(is_label)
        && last.len() >= 2
        && last.chars().all(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn addresses_are_those_that_zod_accepts() {
        for good in ["a@b.co", "a.b+c@x-y.example.com", "o'neil@b.co", "1@2.cc"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@b",
            "a@b.c",
            "@b.co",
            ".a@b.co",
            "a..b@c.co",
            "a.@b.co",
            "a'@b.co",
            "a b@c.co",
            "a@-b.co",
            "a@b..co",
            "a@b.c0",
            "a@b@c.co",
            "ä@b.co",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
