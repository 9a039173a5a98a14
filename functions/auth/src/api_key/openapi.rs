//! The API keys' part of the OpenAPI document.

use shared::openapi::{Operation, integer, text, words};

use super::{create::CreatedKey, endpoints::KeyList};
use crate::{answer::Success, queries::api_key::ApiKey};

mod bodies {
    #![expect(dead_code, reason = "only their schemas are used")]

    use serde_json::{Map, Value};
    use utoipa::ToSchema;

    /// A key to be made.
    #[derive(ToSchema)]
    #[schema(as = AuthCreateApiKey, rename_all = "camelCase")]
    pub struct Create {
        #[schema(nullable = false, max_length = 32)]
        pub name: Option<String>,
        /// Seconds, from a day to 365; for ever by default.
        #[schema(minimum = 86400, maximum = 31_536_000)]
        pub expires_in: Option<f64>,
        /// `cc_` by default.
        #[schema(nullable = false, max_length = 32, pattern = "^[a-zA-Z0-9_-]+$")]
        pub prefix: Option<String>,
        /// Anything; `scopes`, a list of `read`, `write` and `metrics`, narrows what the key may do.
        #[schema(value_type = Option<Object>)]
        pub metadata: Option<Map<String, Value>>,
    }

    /// Changes of a key.
    #[derive(ToSchema)]
    #[schema(as = AuthUpdateApiKey, rename_all = "camelCase")]
    pub struct Update {
        pub key_id: String,
        #[schema(nullable = false, min_length = 1, max_length = 32)]
        pub name: Option<String>,
        #[schema(nullable = false)]
        pub enabled: Option<bool>,
        /// Seconds from now, from a day to 365; null lets it live for ever.
        #[schema(minimum = 86400, maximum = 31_536_000)]
        pub expires_in: Option<f64>,
        /// What the key may do does not follow it.
        #[schema(value_type = Option<Object>)]
        pub metadata: Option<Map<String, Value>>,
    }

    /// A key by its id.
    #[derive(ToSchema)]
    #[schema(as = AuthApiKeyId, rename_all = "camelCase")]
    pub struct KeyId {
        pub key_id: String,
    }
}

/// One operation for each route.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/api/auth/api-key/create", "createApiKey")
            .summary("Make an API key")
            .description("Only this answer holds the key itself. At most 20 that have not expired.")
            .signed_in()
            .body::<bodies::Create>()
            .json::<CreatedKey>(200),
        Operation::get("/api/auth/api-key/get", "getApiKey")
            .summary("One of your API keys")
            .signed_in()
            .required_query("id", "The key's id", text())
            .json::<ApiKey>(200)
            .fails(&[404]),
        Operation::get("/api/auth/api-key/list", "listApiKeys")
            .summary("Your API keys")
            .signed_in()
            .query("limit", "All by default", integer(0, i32::MAX.into()))
            .query(
                "offset",
                "How many to leave out",
                integer(0, i32::MAX.into()),
            )
            .query("sortBy", "A property; the oldest first by default", text())
            .query("sortDirection", "`asc` by default", words(&["asc", "desc"]))
            .json::<KeyList>(200)
            .optional::<KeyList>(&["limit", "offset"]),
        Operation::post("/api/auth/api-key/update", "updateApiKey")
            .summary("Change one of your API keys")
            .signed_in()
            .body::<bodies::Update>()
            .json::<ApiKey>(200)
            .fails(&[404]),
        Operation::post("/api/auth/api-key/delete", "deleteApiKey")
            .summary("Delete one of your API keys")
            .signed_in()
            .body::<bodies::KeyId>()
            .json::<Success>(200)
            .fails(&[404]),
    ]
}
