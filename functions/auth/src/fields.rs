//! Reads the fields of a body or a query, and says what is wrong with them in the words of Better Auth's validator.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Fields in the order of a schema, with the problems found so far.
pub struct Fields<'v> {
    values: &'v Map<String, Value>,
    path: String,
    problems: Vec<String>,
}

impl<'v> Fields<'v> {
    /// `part` is `body` or `query`.
    pub fn new(part: &str, values: &'v Map<String, Value>) -> Self {
        Self {
            values,
            path: part.to_owned(),
            problems: Vec::new(),
        }
    }

    /// The problems, in the order in which the fields were read.
    pub fn into_problems(self) -> Vec<String> {
        self.problems
    }

    /// The value as it came; `None` where the field is missing.
    pub fn raw(&self, name: &str) -> Option<&'v Value> {
        self.values.get(name)
    }

    /// All names, for schemas that take no others than their own.
    pub fn names(&self) -> impl Iterator<Item = &'v str> {
        self.values.keys().map(String::as_str)
    }

    /// Reports a problem of one field in words of its own.
    pub fn refuse(&mut self, name: &str, problem: &str) {
        self.problems
            .push(format!("[{}.{name}] {problem}", self.path));
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &str) -> String {
        match self.raw(name) {
            None => {
                self.expected(name, "string", None);
                String::new()
            }
            Some(_) => self.text(name).unwrap_or_default(),
        }
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let value = self.raw(name)?;
        match value {
            Value::String(text) if text.contains('\0') => {
                self.refuse(name, "Invalid input: expected string without U+0000");
                None
            }
            Value::String(text) => Some(text.clone()),
            other => {
                self.expected(name, "string", Some(other));
                None
            }
        }
    }

    /// A text or null; the outer `None` is a missing field.
    #[expect(
        clippy::option_option,
        reason = "missing, null and a text are three things"
    )]
    pub fn nullable_text(&mut self, name: &str) -> Option<Option<String>> {
        match self.raw(name) {
            Some(Value::Null) => Some(None),
            _ => self.text(name).map(Some),
        }
    }

    /// A value that must be there, and is made a text as JavaScript's `String` does it.
    pub fn coerced_text(&mut self, name: &str) -> String {
        match self.raw(name) {
            None => {
                self.expected(name, "nonoptional", None);
                String::new()
            }
            Some(Value::String(_)) => self.text(name).unwrap_or_default(),
            Some(Value::Object(_) | Value::Array(_)) => "[object Object]".to_owned(),
            Some(other) => other.to_string(),
        }
    }

    /// One of several texts, for what it stands for.
    pub fn one_of<T: Copy>(&mut self, name: &str, options: &[(&str, T)]) -> Option<T> {
        let value = self.raw(name)?;
        let known = options.iter().find(|(option, _)| value == *option);
        if known.is_none() {
            let names: Vec<String> = options.iter().map(|(o, _)| format!("\"{o}\"")).collect();
            let problem = format!("Invalid option: expected one of {}", names.join("|"));
            self.refuse(name, &problem);
        }
        known.map(|(_, value)| *value)
    }

    /// A boolean.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        match self.raw(name)? {
            Value::Bool(flag) => Some(*flag),
            other => {
                self.expected(name, "boolean", Some(other));
                None
            }
        }
    }

    /// A number.
    pub fn number(&mut self, name: &str) -> Option<f64> {
        match self.raw(name)? {
            Value::Number(number) => number.as_f64(),
            other => {
                self.expected(name, "number", Some(other));
                None
            }
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let Value::Array(items) = self.raw(name)? else {
            self.expected(name, "array", self.raw(name));
            return None;
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text.clone()),
                other => self.expected(&format!("{name}.{index}"), "string", Some(other)),
            }
        }
        Some(texts)
    }

    /// An object of anything.
    pub fn record(&mut self, name: &str) -> Option<&'v Map<String, Value>> {
        match self.raw(name)? {
            Value::Object(object) => Some(object),
            other => {
                self.expected(name, "record", Some(other));
                None
            }
        }
    }

    /// An object with a schema.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'v>) -> T) -> Option<T> {
        let Value::Object(object) = self.raw(name)? else {
            self.expected(name, "object", self.raw(name));
            return None;
        };
        let mut fields = Fields::new(&format!("{}.{name}", self.path), object);
        let value = read(&mut fields);
        self.problems.extend(fields.problems);
        Some(value)
    }

    /// Reports a value of the wrong type.
    pub fn expected(&mut self, name: &str, expected: &str, received: Option<&Value>) {
        let mut problem = String::new();
        // Writing to a text cannot fail.
        let _ = write!(
            problem,
            "Invalid input: expected {expected}, received {}",
            type_of(received)
        );
        self.refuse(name, &problem);
    }
}

/// The JavaScript name of a value's type, as the validator prints it.
pub fn type_of(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}
