//! Parses JSON bodies. The limits bound the work for a body of any content.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Maximum number of properties of one object.
pub const MAX_PROPERTIES: usize = 100;
/// Maximum number of values in a body. The largest valid body has fewer.
const MAX_VALUES: usize = 10_000;

/// Why a body is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonBodyError {
    /// The body is not JSON.
    Malformed,
    /// An object has more than [`MAX_PROPERTIES`] properties.
    TooManyProperties,
    /// The body has more than [`MAX_VALUES`] values.
    TooManyValues,
}

/// Parses a body. It stops at the first limit that the body exceeds.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonBodyError> {
    let limits = Limits::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = limits.deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|_| limits.exceeded.get().unwrap_or(JsonBodyError::Malformed))
}

#[derive(Default)]
struct Limits {
    values: Cell<usize>,
    exceeded: Cell<Option<JsonBodyError>>,
}

impl Limits {
    fn exceed<E: serde::de::Error>(&self, limit: JsonBodyError) -> E {
        self.exceeded.set(Some(limit));
        E::custom("the body exceeds a limit")
    }
}

impl<'de> DeserializeSeed<'de> for &Limits {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > MAX_VALUES {
            return Err(self.exceed(JsonBodyError::TooManyValues));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Limits {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut count = 0;
        while let Some(name) = entries.next_key::<String>()? {
            count += 1;
            if count > MAX_PROPERTIES {
                return Err(self.exceed(JsonBodyError::TooManyProperties));
            }
            object.insert(name, entries.next_value_seed(self)?);
        }
        Ok(object.into())
    }
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
        assert_eq!(parse(deep.as_bytes()), Err(JsonBodyError::Malformed));
    }

    #[test]
    fn objects_have_a_maximum_number_of_properties() {
        let object = |count: usize| -> Value {
            let entries = (0..count).map(|index| (format!("p{index}"), Value::Null));
            Value::Object(entries.collect())
        };
        for (value, expected) in [
            (object(100), None),
            (object(101), Some(JsonBodyError::TooManyProperties)),
            (
                json!({ "a": [object(101)] }),
                Some(JsonBodyError::TooManyProperties),
            ),
        ] {
            assert_eq!(parse(value.to_string().as_bytes()).err(), expected);
        }
        let repeated = format!("{{{}\"a\":1}}", "\"a\":1,".repeat(100));
        assert_eq!(
            parse(repeated.as_bytes()),
            Err(JsonBodyError::TooManyProperties)
        );
    }

    #[test]
    fn bodies_have_a_maximum_number_of_values() {
        let list = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
        assert!(parse(list(MAX_VALUES - 1).as_bytes()).is_ok());
        assert_eq!(
            parse(list(MAX_VALUES).as_bytes()),
            Err(JsonBodyError::TooManyValues)
        );
    }
}
