//! The problems of a body or a query, in the messages of Better Auth's validator.

use serde_json::Value;

/// Maximum number of problems that one response reports.
const MAX_PROBLEMS: usize = 50;
/// Maximum length of all reported problems together. JSON may double it, and a response stays under 16 KiB.
const MAX_BYTES: usize = 7 * 1024;
/// Maximum length of a name that a client chose, in a message.
const MAX_NAME_CHARS: usize = 100;

/// The problems that were found so far, in the order in which the fields were read.
#[derive(Debug, Default)]
pub struct Problems {
    messages: Vec<String>,
    bytes: usize,
}

impl Problems {
    /// Adds a problem, unless there are enough of them to report.
    pub fn add(&mut self, path: &str, problem: &str) {
        if self.messages.len() >= MAX_PROBLEMS {
            return;
        }
        let message = format!("[{path}] {problem}");
        if self.bytes + message.len() > MAX_BYTES {
            return;
        }
        self.bytes += message.len();
        self.messages.push(message);
    }

    /// Adds the problem of a value of the wrong type.
    pub fn add_type(&mut self, path: &str, expected: &str, received: Option<&Value>) {
        let received = type_of(received);
        let problem = format!("Invalid input: expected {expected}, received {received}");
        self.add(path, &problem);
    }

    /// Replaces all problems with one of the whole part.
    pub fn replace(&mut self, path: &str, problem: &str) {
        *self = Self::default();
        self.add(path, problem);
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub fn into_messages(self) -> Vec<String> {
        self.messages
    }
}

/// Returns the name as far as a message may repeat it.
pub fn clean(name: &str) -> String {
    let printable = name.chars().filter(|c| !c.is_control());
    printable.take(MAX_NAME_CHARS).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_problems_of_one_response_are_bounded() {
        let mut problems = Problems::default();
        for index in 0..1000 {
            problems.add(&format!("body.{index}"), "Invalid input");
        }
        assert_eq!(problems.into_messages().len(), MAX_PROBLEMS);

        let mut problems = Problems::default();
        for _ in 0..1000 {
            problems.add("body", &"x".repeat(1000));
        }
        let bytes: usize = problems.into_messages().iter().map(String::len).sum();
        assert!(bytes <= MAX_BYTES, "{bytes}");
    }

    #[test]
    fn names_of_clients_are_truncated() {
        assert_eq!(clean("a\nb"), "ab");
        assert_eq!(clean(&"é".repeat(1000)).chars().count(), MAX_NAME_CHARS);
    }
}
