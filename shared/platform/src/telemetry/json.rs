//! Log lines as JSON, one object per line. Lines of events carry the id of the current request.

use std::{fmt, io::Write};

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

use super::{current, scrub};
use crate::time::Timestamp;

/// Writes events to standard output, one JSON object per line.
pub(super) struct JsonLines;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventLine<'e> {
    timestamp: Timestamp,
    level: &'static str,
    message: String,
    target: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = EventFields::default();
        event.record(&mut fields);
        write(&EventLine {
            timestamp: Timestamp::now(),
            level: event.metadata().level().as_str(),
            message: scrub::text(&fields.message).into_owned(),
            target: event.metadata().target(),
            // An event with a `requestId` of its own is about a request that has ended.
            request_id: current::request_id().filter(|_| !fields.others.contains_key("requestId")),
            fields: fields.others,
        });
    }
}

/// Writes one whole line.
pub(super) fn write(line: &impl Serialize) {
    if let Ok(mut line) = serde_json::to_vec(line) {
        line.push(b'\n');
        // If standard output is closed, there is no other place to report it.
        let _ = std::io::stdout().lock().write_all(&line);
    }
}

#[derive(Default)]
struct EventFields {
    message: String,
    others: Map<String, Value>,
}

impl EventFields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        let mut value = value.into();
        scrub::field(field.name(), &mut value);
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for EventFields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        if field.name() == "message" {
            self.message = value;
        } else {
            self.set(field, value);
        }
    }
}
