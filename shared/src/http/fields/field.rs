//! A field that is being read, and the messages of failing rules.

/// Maximum number of messages in a response.
const MAX_MESSAGES: usize = 50;

/// The messages of the rules that fail so far.
#[derive(Default)]
pub(super) struct Failures(Vec<String>);

impl Failures {
    /// Adds a message, unless it is a duplicate or there are too many.
    pub fn add(&mut self, message: String) {
        if self.0.len() < MAX_MESSAGES && !self.0.contains(&message) {
            self.0.push(message);
        }
    }

    /// Returns the messages as an error, if there are any.
    pub fn into_result(self) -> Result<(), Vec<String>> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.0)
        }
    }
}

/// A field that is being read: its name in messages, and the receiver of the messages.
pub struct Field<'f> {
    pub(super) name: &'static str,
    pub(super) from_query: bool,
    pub(super) failures: &'f mut Failures,
}

impl Field<'_> {
    /// Reports a failing rule. The message is the field's name followed by `words`.
    pub fn refuse(&mut self, words: impl std::fmt::Display) {
        self.failures.add(format!("{} {words}", self.name));
    }

    /// Reports a failing rule of an element. The message is the field's name followed by `words`.
    pub fn refuse_element(&mut self, words: impl std::fmt::Display) {
        self.failures
            .add(format!("each value in {} {words}", self.name));
    }

    /// Returns whether all values are texts, as in a query.
    pub fn is_of_query(&self) -> bool {
        self.from_query
    }

    pub(super) fn has_failed(&self, before: usize) -> bool {
        self.failures() > before
    }

    pub(super) fn failures(&self) -> usize {
        self.failures.0.len()
    }
}
