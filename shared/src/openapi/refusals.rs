//! Statuses of error responses, with an example of the body for each.

use serde_json::{Value, json};
use utoipa::openapi::{Ref, Response, ResponseBuilder, content::ContentBuilder};

use super::schema::header;

/// A status of an error response.
pub(super) struct Refusal {
    pub(super) status: u16,
    /// Name among the document's responses.
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    /// The `message` of an example, unless it is the phrase of the status.
    message: Option<&'static str>,
    /// The phrase of the status, which is the value of `error` if `message` differs.
    phrase: &'static str,
    /// `message` and `code` of an example of `/api/auth`.
    auth: (&'static str, Option<&'static str>),
}

pub(super) const REFUSALS: [Refusal; 13] = [
    Refusal {
        status: 400,
        name: "BadRequest",
        description: "The body or the query is invalid; `message` lists every rule that fails",
        message: Some("title should not be empty"),
        phrase: "Bad Request",
        auth: (
            "[body.provider] Invalid input: expected string, received undefined",
            Some("VALIDATION_ERROR"),
        ),
    },
    Refusal {
        status: 401,
        name: "Unauthorized",
        description: "No valid credential",
        message: None,
        phrase: "Unauthorized",
        auth: ("Unauthorized", Some("UNAUTHORIZED")),
    },
    Refusal {
        status: 403,
        name: "Forbidden",
        description: "The caller may not do this",
        message: Some("You can only edit your own projects"),
        phrase: "Forbidden",
        auth: ("Invalid origin", Some("INVALID_ORIGIN")),
    },
    Refusal {
        status: 404,
        name: "NotFound",
        description: "Not found, or not visible to the caller",
        message: Some("Project not found"),
        phrase: "Not Found",
        auth: ("User not found", Some("USER_NOT_FOUND")),
    },
    Refusal {
        status: 405,
        name: "MethodNotAllowed",
        description: "The method is not allowed",
        message: None,
        phrase: "Method Not Allowed",
        auth: (
            "POST method requires deferSessionRefresh to be enabled in session config",
            Some("METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"),
        ),
    },
    Refusal {
        status: 409,
        name: "Conflict",
        description: "The request conflicts with the stored state",
        message: Some("Project was changed by another request"),
        phrase: "Conflict",
        auth: (
            "Social account already linked",
            Some("SOCIAL_ACCOUNT_ALREADY_LINKED"),
        ),
    },
    Refusal {
        status: 413,
        name: "PayloadTooLarge",
        description: "The body is over 1 MiB",
        message: Some("request entity too large"),
        phrase: "",
        auth: ("Request body is too large", Some("PAYLOAD_TOO_LARGE")),
    },
    Refusal {
        status: 415,
        name: "UnsupportedMediaType",
        description: "The body is not `application/json`",
        message: Some("Content-Type must be application/json"),
        phrase: "Unsupported Media Type",
        auth: (
            "Content-Type \"text/plain\" is not allowed. Allowed types: application/json",
            Some("UNSUPPORTED_MEDIA_TYPE"),
        ),
    },
    Refusal {
        status: 422,
        name: "UnprocessableEntity",
        description: "The `Idempotency-Key` was used with a different request",
        message: Some("Idempotency-Key was used with a different request"),
        phrase: "Unprocessable Entity",
        auth: ("Unprocessable Entity", None),
    },
    Refusal {
        status: 429,
        name: "TooManyRequests",
        description: "A rate limit is exceeded; retry after `Retry-After` seconds",
        message: None,
        phrase: "Too Many Requests",
        auth: ("Too many requests. Please try again later.", None),
    },
    Refusal {
        status: 500,
        name: "InternalServerError",
        description: "A bug; please report the `X-Request-Id`",
        message: Some("Internal server error"),
        phrase: "",
        auth: ("Internal server error", None),
    },
    Refusal {
        status: 502,
        name: "BadGateway",
        description: "A provider failed",
        message: None,
        phrase: "Bad Gateway",
        auth: ("Bad Gateway", None),
    },
    Refusal {
        status: 503,
        name: "ServiceUnavailable",
        description: "The database or the storage is not reachable; retry after `Retry-After` seconds",
        message: None,
        phrase: "Service Unavailable",
        auth: ("Service Unavailable", None),
    },
];

impl Refusal {
    pub(super) fn of(status: u16) -> Option<&'static Self> {
        REFUSALS.iter().find(|refusal| refusal.status == status)
    }

    /// Its name among the document's responses.
    pub(super) fn reference(&self, exact: bool) -> String {
        let prefix = if exact { "Auth" } else { "" };
        format!("{prefix}{}", self.name)
    }

    fn example(&self, exact: bool) -> Value {
        let status = self.status;
        if exact {
            let (message, code) = self.auth;
            return match code {
                Some(code) => json!({ "message": message, "code": code }),
                None if status >= 500 => json!({ "statusCode": status, "message": message }),
                None => json!({ "message": message }),
            };
        }
        let Some(message) = self.message else {
            return json!({ "statusCode": status, "message": self.phrase });
        };
        let message = if status == 400 {
            json!([message])
        } else {
            json!(message)
        };
        if self.phrase.is_empty() {
            return json!({ "statusCode": status, "message": message });
        }
        json!({ "message": message, "error": self.phrase, "statusCode": status })
    }

    /// The response with the error body of our protocol, or of Better Auth's.
    pub(super) fn response(&self, exact: bool) -> Response {
        let mut headers = vec!["X-Request-Id"];
        match self.status {
            401 if !exact => headers.push("WWW-Authenticate"),
            429 if !exact => headers.extend(["RateLimit", "RateLimit-Policy", "Retry-After"]),
            429 => headers.push("X-Retry-After"),
            503 => headers.push("Retry-After"),
            _ => {}
        }
        let schema = if exact { "AuthError" } else { "Error" };
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(schema)))
            .example(Some(self.example(exact)));
        headers
            .into_iter()
            .fold(
                ResponseBuilder::new()
                    .description(self.description)
                    .content("application/json", content.build()),
                |response, name| response.header_ref(name, header(name)),
            )
            .build()
    }
}

/// An error response without a body.
pub(super) fn empty(status: u16) -> Response {
    ResponseBuilder::new()
        .description(Refusal::of(status).map_or("Refused", |refusal| refusal.description))
        .header_ref("X-Request-Id", header("X-Request-Id"))
        .build()
}
