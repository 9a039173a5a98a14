//! Parses JSON bodies. The limits bound the work for a body of any content.

use serde_json::Value;
use shared::http::{Excess, JsonError, JsonLimits};

/// Maximum number of properties of one object.
pub const MAX_PROPERTIES: usize = 100;
/// Maximum number of values in a body. The largest valid body has fewer.
const MAX_VALUES: usize = 10_000;

/// Parses a body. It stops at the first limit that the body exceeds.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let limits = JsonLimits {
        values: MAX_VALUES,
        excess: Excess::Rejected,
        properties: MAX_PROPERTIES,
    };
    limits.parse(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_parsed_unchanged() {
        for text in [
            r#"{"a":[1,-1,1.5,"x\u00e9",null,true,{"b":{}}],"a":[2]}"#,
            "null",
            " [] ",
            "1e400",
            "[",
            "{} {}",
            "\u{feff}{}",
            r#"{"a"}"#,
        ] {
            let expected = serde_json::from_str::<Value>(text).ok();
            assert_eq!(parse(text.as_bytes()).ok(), expected, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(parse(deep.as_bytes()), Err(JsonError::Malformed));
    }

    #[test]
    fn objects_have_a_maximum_number_of_properties() {
        let object = |count: usize| -> Value {
            let entries = (0..count).map(|index| (format!("p{index}"), Value::Null));
            Value::Object(entries.collect())
        };
        for (value, expected) in [
            (object(100), None),
            (object(101), Some(JsonError::TooManyProperties)),
            (
                json!({ "a": [object(101)] }),
                Some(JsonError::TooManyProperties),
            ),
        ] {
            assert_eq!(parse(value.to_string().as_bytes()).err(), expected);
        }
        let repeated = format!("{{{}\"a\":1}}", "\"a\":1,".repeat(100));
        assert_eq!(
            parse(repeated.as_bytes()),
            Err(JsonError::TooManyProperties)
        );
    }

    #[test]
    fn bodies_have_a_maximum_number_of_values() {
        let list = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
        assert!(parse(list(MAX_VALUES - 1).as_bytes()).is_ok());
        assert_eq!(
            parse(list(MAX_VALUES).as_bytes()),
            Err(JsonError::TooManyValues)
        );
    }
}
