//! Records the fields that are read, so that the code that validates a body also describes it.

use super::property::Property;

/// Records properties in the order in which they are read. By default, and without the feature `description`, nothing is
/// recorded.
#[derive(Default)]
pub struct Recorder {
    #[cfg(feature = "description")]
    properties: Option<Vec<Property>>,
}

impl Recorder {
    /// Creates a recorder that records properties.
    pub fn on() -> Self {
        Self {
            #[cfg(feature = "description")]
            properties: Some(Vec::new()),
        }
    }

    /// Adds a property if the recorder is on.
    #[cfg(feature = "description")]
    pub fn record(&mut self, property: impl FnOnce() -> Property) {
        if let Some(properties) = &mut self.properties {
            properties.push(property());
        }
    }

    /// Does nothing.
    #[cfg(not(feature = "description"))]
    pub fn record(&mut self, _: impl FnOnce() -> Property) {}

    /// Returns the recorded properties.
    pub fn into_properties(self) -> Vec<Property> {
        #[cfg(feature = "description")]
        return self.properties.unwrap_or_default();
        #[cfg(not(feature = "description"))]
        Vec::new()
    }
}
