//! Descriptions of routes for the OpenAPI document: parameters, bodies and responses.
//!
//! Most of a description follows from the handler's signature: its extractors and its result implement [`Input`] and
//! [`Output`]. The methods of [`Route`](super::Route) add the rest. Without the feature `description` none of them is
//! called, so they are not linked into deployed functions.

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
