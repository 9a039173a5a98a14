//! Rules of objects of any fields.

use std::io;

use serde_json::{Map, Value};
use shared::http::describe::{self, Property, Schema};

use super::{problems::Problems, rule::ValueRule};

/// An object of any fields.
pub fn record() -> RecordRule {
    RecordRule::default()
}

/// See [`record`].
#[derive(Clone, Copy, Default)]
pub struct RecordRule {
    fields: Option<fn() -> Vec<Property>>,
    max_bytes: Option<usize>,
    max_names: Option<usize>,
}

impl RecordRule {
    /// Accepts objects of at most that many bytes of JSON.
    pub fn max_bytes(mut self, max: usize) -> Self {
        self.max_bytes = Some(max);
        self
    }

    /// Accepts at most that many fields.
    pub fn max_names(mut self, max: usize) -> Self {
        self.max_names = Some(max);
        self
    }

    /// Describes the fields, which the handler reads.
    pub fn documented_fields(mut self, fields: fn() -> Vec<Property>) -> Self {
        self.fields = Some(fields);
        self
    }
}

impl ValueRule for RecordRule {
    type Value = Map<String, Value>;
    const TYPE: &'static str = "record";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<Self::Value> {
        let Value::Object(object) = value else {
            problems.add_type(path, Self::TYPE, Some(value));
            return None;
        };
        if let Some(max) = self.max_names.filter(|max| object.len() > *max) {
            let problem = format!("Too big: expected record to have <={max} fields");
            problems.add(path, &problem);
            return None;
        }
        if let Some(max) = self.max_bytes.filter(|max| is_larger(value, *max)) {
            add_size(max, path, problems);
            return None;
        }
        Some(object.clone())
    }

    fn schema(&self) -> Schema {
        self.fields
            .map_or_else(describe::object, |fields| describe::object_of(fields(), ""))
    }
}

fn add_size(max: usize, path: &str, problems: &mut Problems) {
    let problem = format!("Too big: expected record to have <={max} bytes of JSON");
    problems.add(path, &problem);
}

/// Returns whether a value has more bytes of JSON than that, without writing all of a large one.
fn is_larger(value: &Value, max: usize) -> bool {
    struct Budget(usize);

    impl io::Write for Budget {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or(io::ErrorKind::FileTooLarge)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    serde_json::to_writer(Budget(max), value).is_err()
}

/// Any JSON of at most that many bytes. It is described as an object or null: the handler rejects other types, because they
/// have an error code of their own.
pub fn json(max_bytes: usize) -> JsonRule {
    JsonRule { max_bytes }
}

/// See [`json`].
#[derive(Clone, Copy)]
pub struct JsonRule {
    max_bytes: usize,
}

impl ValueRule for JsonRule {
    type Value = Value;
    const TYPE: &'static str = "record";

    fn check(&self, value: &Value, path: &str, problems: &mut Problems) -> Option<Value> {
        if is_larger(value, self.max_bytes) {
            add_size(self.max_bytes, path, problems);
            return None;
        }
        Some(value.clone())
    }

    fn schema(&self) -> Schema {
        describe::nullable(describe::object())
    }
}
