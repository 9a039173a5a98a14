//! Parses JSON and keeps a bounded number of its values.

use std::{cell::Cell, fmt};

use serde::{
    Deserializer as _,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Deserializer, Map, Value};

/// Maximum number of values that are kept. No valid body has as many.
const MAX_VALUES: usize = 10_000;

/// Parses a whole text. The values after the first 10,000 are checked and dropped, because 1 MiB can contain half a million
/// values, which take 25 MB and most of the time. A list that is cut off is still longer than every limit.
///
/// # Errors
/// If the text is not JSON.
pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<Value> {
    let left = Cell::new(MAX_VALUES);
    let mut text = Deserializer::from_slice(bytes);
    let value = text.deserialize_any(Bounded(&left))?;
    text.end()?;
    Ok(value)
}

/// Reads a value, or drops it if none is left.
#[derive(Clone, Copy)]
struct Bounded<'a>(&'a Cell<usize>);

impl Bounded<'_> {
    fn is_full(self) -> bool {
        self.0.get() == 0
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, text: D) -> Result<Value, D::Error> {
        self.0.set(self.0.get().saturating_sub(1));
        text.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while !self.is_full() {
            let Some(value) = list.next_element_seed(self)? else {
                return Ok(values.into());
            };
            values.push(value);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while !self.is_full() {
            let Some(name) = object.next_key()? else {
                return Ok(values.into());
            };
            values.insert(name, object.next_value_seed(self)?);
        }
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(values.into())
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
