//! Descriptions of operations by the signatures of their handlers.

use axum::{
    Extension,
    extract::{Request, State},
    handler::Handler,
    http::HeaderMap,
    response::{AppendHeaders, Html, Response},
};

use super::Operation;

/// A parameter of a handler: an extractor.
pub trait Input {
    /// Adds the parts of a request that the extractor reads.
    fn describe(_: &mut Operation) {}
}

/// The result of a handler.
pub trait Output {
    /// Adds the responses that the result may become.
    fn describe(_: &mut Operation) {}
}

/// A handler whose signature describes its operation.
pub trait Endpoint<T, S>: Handler<T, S> {
    /// Describes the operation.
    fn describe(operation: &mut Operation);
}

impl<F, Fut, S, R> Endpoint<((),), S> for F
where
    F: Handler<((),), S> + FnOnce() -> Fut,
    Fut: Future<Output = R>,
    R: Output,
{
    fn describe(operation: &mut Operation) {
        R::describe(operation);
    }
}

macro_rules! endpoint {
    ($($input:ident)+) => {
        impl<F, Fut, S, R, M, $($input),+> Endpoint<(M, $($input,)+), S> for F
        where
            F: Handler<(M, $($input,)+), S> + FnOnce($($input),+) -> Fut,
            Fut: Future<Output = R>,
            R: Output,
            $($input: Input,)+
        {
            fn describe(operation: &mut Operation) {
                $($input::describe(operation);)+
                R::describe(operation);
            }
        }
    };
}

endpoint!(A);
endpoint!(A B);
endpoint!(A B C);
endpoint!(A B C D);
endpoint!(A B C D E);
endpoint!(A B C D E G);

impl<S> Input for State<S> {}
impl Input for HeaderMap {}
impl Input for Request {}
impl<T> Input for Extension<T> {}

/// The route itself describes this response.
impl Output for Response {}

impl<T> Output for Html<T> {
    fn describe(operation: &mut Operation) {
        let text = super::text(None, None);
        operation.media(200, "text/html", Some(text));
    }
}

impl<T: Output, E> Output for Result<T, E> {
    fn describe(operation: &mut Operation) {
        T::describe(operation);
    }
}

impl<H, T: Output> Output for (AppendHeaders<H>, T) {
    fn describe(operation: &mut Operation) {
        T::describe(operation);
    }
}
