//! What routes say of themselves for the OpenAPI document: their parameters, bodies and responses.
//!
//! A handler's signature says most of it: its extractors and its result implement [`Input`] and [`Output`]. The rest is
//! said by the methods of [`Route`](super::Route). Without the feature `description` none of this is called, and so it
//! is not linked into a deployed function.

mod endpoint;
mod operation;
mod property;
mod recorder;
mod schema;

pub use self::{
    endpoint::{Endpoint, Input, Output},
    operation::{Answer, Body, Failure, Operation, ParameterPlace},
    property::{Property, object_of},
    recorder::Recorder,
    schema::{
        NamedSchema, Schema, Usage, array_of, boolean, collect, date, date_time, either, integer,
        list, nullable, number, object, or_null, reference, text, words,
    },
};
