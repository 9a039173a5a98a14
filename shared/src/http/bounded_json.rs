//! Parses JSON of any content with a bounded amount of work.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Maximum number of values in a body of the functions except `auth`. No valid body has as many.
const MAX_VALUES: usize = 10_000;

/// Why a text is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// The text is not JSON.
    Malformed,
    /// An object has too many properties.
    TooManyProperties,
    /// The text has too many values.
    TooManyValues,
}

/// What happens to values over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// The text is rejected, and the rest of it is not read.
    Rejected,
    /// The rest of the text is checked and dropped. A list that is cut off is still longer than the limit of its field.
    Dropped,
}

/// Limits of a text.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// Maximum number of values, including the text itself.
    pub values: usize,
    /// What happens to more values.
    pub excess: Excess,
    /// Maximum number of properties of one object. An object with more of them is rejected.
    pub properties: usize,
}

impl JsonLimits {
    /// Parses a whole text.
    ///
    /// # Errors
    /// If the text is not JSON, or exceeds a limit whose excess is rejected.
    pub fn parse(self, bytes: &[u8]) -> Result<Value, JsonError> {
        let reader = Reader {
            limits: self,
            left: Cell::new(self.values),
            exceeded: Cell::new(None),
        };
        let mut text = serde_json::Deserializer::from_slice(bytes);
        let value = reader.deserialize(&mut text);
        let value = value.and_then(|value| text.end().map(|()| value));
        value.map_err(|_| reader.exceeded.get().unwrap_or(JsonError::Malformed))
    }
}

/// Parses a body. The values after the first 10,000 are dropped, because 1 MiB can contain half a million values, which take
/// 25 MB and most of the time.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let limits = JsonLimits {
        values: MAX_VALUES + 1,
        excess: Excess::Dropped,
        properties: usize::MAX,
    };
    limits.parse(bytes)
}

struct Reader {
    limits: JsonLimits,
    /// Number of values that may still be kept.
    left: Cell<usize>,
    exceeded: Cell<Option<JsonError>>,
}

impl Reader {
    fn exceed<E: serde::de::Error>(&self, limit: JsonError) -> E {
        self.exceeded.set(Some(limit));
        E::custom("the text exceeds a limit")
    }

    /// Returns whether the rest of the text is dropped.
    fn drops(&self) -> bool {
        self.left.get() == 0 && self.limits.excess == Excess::Dropped
    }
}

impl<'de> DeserializeSeed<'de> for &Reader {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Value, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(self.exceed(JsonError::TooManyValues));
        };
        self.left.set(left);
        text.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
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
        while !self.drops() {
            let Some(item) = items.next_element_seed(self)? else {
                return Ok(list.into());
            };
            list.push(item);
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut count = 0;
        while !self.drops() {
            let Some(name) = entries.next_key::<String>()? else {
                return Ok(object.into());
            };
            count += 1;
            if count > self.limits.properties {
                return Err(self.exceed(JsonError::TooManyProperties));
            }
            object.insert(name, entries.next_value_seed(self)?);
        }
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_texts_are_parsed_as_serde_json_does() {
        for text in [
            r#"{"a":[1,-2,3.5,1e3,"x\u00e9",null,true,{"b":{}}],"a":2,"c":[[],[[]]]}"#,
            "[]",
            "null",
            r#""text""#,
            "18446744073709551615",
            r#"{"$serde_json::private::Number":"1"}"#,
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text.as_bytes()).unwrap(), expected, "{text}");
        }
        for text in ["", "{", "{}x", "[1,]", "1e999", "nul", "{\"a\":\"\u{1}\"}"] {
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn the_number_of_kept_values_is_bounded() {
        let list = format!(r#"{{"list":[{}0],"z":1}}"#, "{},".repeat(300_000));
        let value = parse(list.as_bytes()).unwrap();
        assert_eq!(value["list"].as_array().unwrap().len(), MAX_VALUES - 1);
        assert_eq!(value.get("z"), None);

        let names: Vec<String> = (0..50_000).map(|n| format!(r#""n{n}":0"#)).collect();
        let object = format!("{{{}}}", names.join(","));
        let value = parse(object.as_bytes()).unwrap();
        assert_eq!(value.as_object().unwrap().len(), MAX_VALUES);

        // The rest is still checked.
        assert!(parse(format!("[{}x]", "0,".repeat(50_000)).as_bytes()).is_err());
    }
}
