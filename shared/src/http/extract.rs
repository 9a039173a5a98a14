//! Extractors and responses of handlers. Invalid requests are rejected in the format of the API.

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Error, Fields, FromFields,
    body::JsonBody,
    describe::{Input, Operation, Output},
    json::json_response,
};

/// Maximum length of an id. Longer ids are not found.
const MAX_ID_LENGTH: usize = 255;

/// The validated JSON body as an extractor, and a JSON response with the status 200.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T: FromFields, S: Send + Sync> FromRequestParts<S> for Json<T> {
    type Rejection = Error;

    /// The guard has already read and parsed the body.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let body = parts.extensions.remove::<JsonBody>().unwrap_or_default();
        read(Fields::of_body(body.0)).map(Self)
    }
}

impl<T: FromFields> Input for Json<T> {
    fn describe(operation: &mut Operation) {
        let name = std::any::type_name::<T>();
        let name = name.rsplit("::").next().unwrap_or(name);
        let properties = Fields::describe::<T>();
        operation.body_as(name, T::ABOUT, properties, &["application/json"]);
    }
}

impl<T: ToSchema> Output for Json<T> {
    fn describe(operation: &mut Operation) {
        operation.json_of::<T>(200);
    }
}

/// The validated query.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: FromFields, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        read(Fields::of_query(parts.uri.query().unwrap_or_default())).map(Self)
    }
}

impl<T: FromFields> Input for Query<T> {
    fn describe(operation: &mut Operation) {
        operation.query(Fields::describe::<T>());
    }
}

fn read<T: FromFields>(mut fields: Fields) -> Result<T, Error> {
    let value = T::from_fields(&mut fields);
    fields.finish().map_err(Error::Validation)?;
    Ok(value)
}

/// The id in the path. Ids are opaque. An invalid id (too long, not UTF-8, or with a NUL) becomes an empty text, which is
/// never found, so the response is the same 404 as for an unknown id.
#[derive(Clone, Debug)]
pub struct Path(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        #[expect(
            clippy::disallowed_types,
            reason = "this is the wrapper that replaces it"
        )]
        let id = axum::extract::Path::<String>::from_request_parts(parts, state)
            .await
            .map_or_else(|_| String::new(), |path| path.0);
        let possible = id.chars().count() <= MAX_ID_LENGTH && !id.contains('\0');
        Ok(Self(if possible { id } else { String::new() }))
    }
}

impl Input for Path {}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        json_response(&self.0)
    }
}

/// 201 with the created resource and its path.
#[derive(Clone, Debug)]
pub struct Created<T>(pub String, pub T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, Json(self.1)).into_response();
        if let Ok(location) = HeaderValue::try_from(self.0) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

impl<T: ToSchema> Output for Created<T> {
    fn describe(operation: &mut Operation) {
        operation.json_of::<T>(201);
        operation.header(201, "Location");
    }
}

/// 204.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Output for NoContent {
    fn describe(operation: &mut Operation) {
        operation.empty(204);
    }
}
