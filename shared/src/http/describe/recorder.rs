//! Recording of the fields that are read, so that what validates a body also describes it.

use super::property::Property;

/// Properties in the order in which they are read. By default nothing is recorded, and without the
/// feature `description` nothing ever is.
#[derive(Default)]
pub struct Recorder {
    #[cfg(feature = "description")]
    properties: Option<Vec<Property>>,
}

impl Recorder {
    /// A recorder that keeps what is read.
    pub fn on() -> Self {
        Self {
            #[cfg(feature = "description")]
            properties: Some(Vec::new()),
        }
    }

    /// Adds a property, where properties are recorded.
    #[cfg(feature = "description")]
    pub fn record(&mut self, property: impl FnOnce() -> Property) {
        if let Some(properties) = &mut self.properties {
            properties.push(property());
        }
    }

    /// Adds nothing.
    #[cfg(not(feature = "description"))]
    pub fn record(&mut self, _: impl FnOnce() -> Property) {}

    /// What was read.
    pub fn into_properties(self) -> Vec<Property> {
        #[cfg(feature = "description")]
        return self.properties.unwrap_or_default();
        #[cfg(not(feature = "description"))]
        Vec::new()
    }
}
