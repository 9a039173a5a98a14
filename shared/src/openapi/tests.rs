//! What the document says of a made-up group.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Group, Operation, document, text};
use crate::http::{Api, NoContent, Routes, Spend};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is looked at")]
struct UpdateThing {
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    title: Option<String>,
    #[schema(max_length = 500)]
    note: Option<Option<String>>,
    #[schema(nullable = false, max_items = 10)]
    tags: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Thing {
    id: String,
    note: Option<String>,
    content_html: Option<String>,
    owner: Owner,
}

#[derive(Serialize, ToSchema)]
struct Owner {
    image: Option<String>,
}

async fn nothing() -> NoContent {
    NoContent
}

fn api() -> Api {
    Api::new(
        "things",
        Routes::new()
            .put("/things/{thingId}", nothing)
            .delete("/things", nothing)
            .session_only(),
    )
    .public(
        "anybody may look",
        Routes::new()
            .get("/things", nothing)
            .get("/", nothing)
            .spends(Spend::Nothing),
    )
}

fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/things", "listThings")
            .summary("Things")
            .query("q", "Terms", text())
            .page::<Thing>()
            .optional::<Thing>(&["contentHtml"]),
        Operation::put("/things/{thingId}", "updateThing")
            .body::<UpdateThing>()
            .json::<Thing>(200)
            .fails(&[409]),
        Operation::delete("/things", "deleteThings").no_content(),
        Operation::get("/", "showGreeting").media(200, "text/html"),
    ]
}

fn made(operations: Vec<Operation>) -> Value {
    let group = Group::new(&api(), "Things", operations);
    serde_json::to_value(document("1.0.0", vec![group]).unwrap()).unwrap()
}

fn statuses(operation: &Value) -> Vec<&str> {
    operation["responses"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn a_route_brings_its_refusals_headers_and_credentials() {
    let document = made(operations());
    assert_eq!(document["openapi"], "3.1.0");

    let list = &document["paths"]["/things"]["get"];
    assert_eq!(
        statuses(list),
        ["200", "304", "400", "401", "403", "429", "500", "503"]
    );
    assert_eq!(list["security"][0], json!({}));
    let headers: Vec<&String> = list["responses"]["200"]["headers"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(
        headers,
        [
            "ETag",
            "Link",
            "RateLimit",
            "RateLimit-Policy",
            "X-Request-Id"
        ]
    );

    let update = &document["paths"]["/things/{thingId}"]["put"];
    assert_eq!(
        statuses(update),
        [
            "200", "400", "401", "403", "404", "409", "413", "415", "429", "500", "503"
        ]
    );
    assert_eq!(update["parameters"][0]["name"], "thingId");
    assert_eq!(update["requestBody"]["required"], false);
    assert_eq!(
        document["paths"]["/things"]["delete"]["security"],
        json!([{"session": []}, {"secureSession": []}])
    );
    assert_eq!(
        statuses(&document["paths"]["/"]["get"]),
        ["200", "400", "401", "403", "500", "503"]
    );
}

#[test]
fn bodies_are_closed_and_tell_null_from_absent() {
    let document = made(operations());
    assert_eq!(
        document["components"]["schemas"]["UpdateThing"],
        json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "title": {"type": "string", "minLength": 1, "maxLength": 200},
                "note": {"type": ["string", "null"], "maxLength": 500},
                "tags": {"type": "array", "maxItems": 10, "items": {"type": "string"}},
            }
        })
    );
}

#[test]
fn answers_have_all_properties_but_the_optional_ones() {
    let document = made(operations());
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Thing"]["required"], json!(["id", "note", "owner"]));
    assert_eq!(schemas["Owner"]["required"], json!(["image"]));
}

#[test]
fn routes_and_operations_must_agree() {
    let mut operations = operations();
    operations.pop();
    operations.push(Operation::get("/nowhere", "listThings").no_content());
    let group = Group::new(&api(), "Things", operations);

    let error = document("1.0.0", vec![group]).err().unwrap().to_string();

    for problem in [
        "GET / is not described",
        "GET /nowhere is not mounted",
        "the id listThings is used twice",
    ] {
        assert!(error.contains(problem), "{error}");
    }
}
