//! The document of a sample group.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{DescribedGroup, document};
use crate::{
    fields,
    http::{
        Api, Check as _, Json, NoContent, Page, PageQuery, Path, Query, RateClass, Result, delete,
        get, put, text, texts, topic,
    },
};

fields! {
    struct UpdateThing {
        title: Option<String> = "title", text().not_empty().max(200).optional();
        note: Option<Option<String>> = "note", text().max(500).nullable();
        tags: Option<Vec<String>> = "tags", texts().max_items(10).optional();
    }
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

async fn list(Query(page): Query<PageQuery>) -> Page<Thing> {
    page.page(Vec::new(), |_| unreachable!())
}

async fn update(_: Path, Json(changes): Json<UpdateThing>) -> Result<Json<Thing>> {
    let UpdateThing { title, note, tags } = changes;
    Ok(Json(Thing {
        id: title.unwrap_or_default(),
        note: note.flatten(),
        content_html: tags.map(|tags| tags.concat()),
        owner: Owner { image: None },
    }))
}

const TOPICS: [(&str, &str); 1] = [("Everything", "All about things")];

fn api() -> Api {
    let routes = [
        get("listThings", "/things", list)
            .summary("Lists things")
            .public("anybody may look")
            .may_lack::<Thing>(&["contentHtml"]),
        put("updateThing", "/things/{thingId}", update)
            .summary("Updates a thing")
            .fails(&[409]),
        delete("deleteThings", "/things", nothing)
            .summary("Deletes all things")
            .session_only(),
        get("getGreeting", "/", nothing)
            .summary("Returns a greeting")
            .public("anybody may look")
            .counted_as(RateClass::Unlimited),
    ];
    Api::new("things", "Things", topic("Everything", routes))
}

fn made() -> Value {
    serde_json::to_value(document("1.0.0", &TOPICS, vec![DescribedGroup::from(&api())]).unwrap())
        .unwrap()
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
fn a_route_has_its_errors_headers_and_credentials() {
    let document = made();
    assert_eq!(document["openapi"], "3.1.0");

    let list = &document["paths"]["/things"]["get"];
    assert_eq!(list["tags"], json!(["Everything"]));
    assert_eq!(list["x-function"], "things");
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
    assert_eq!(update["parameters"][0]["description"], "Id of the thing");
    assert_eq!(update["requestBody"]["required"], false);
    assert_eq!(
        document["paths"]["/things"]["delete"]["security"],
        json!([{"session": []}, {"secureSession": []}])
    );
    assert_eq!(
        statuses(&document["paths"]["/"]["get"]),
        ["204", "400", "401", "403", "500", "503"]
    );
}

#[test]
fn bodies_are_closed_and_distinguish_null_from_absent() {
    let document = made();
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
fn responses_require_all_properties_except_optional_ones() {
    let document = made();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Thing"]["required"], json!(["id", "note", "owner"]));
    assert_eq!(schemas["Owner"]["required"], json!(["image"]));
}

#[test]
fn routes_without_a_summary_or_a_topic_and_names_of_two_groups_are_reported() {
    let other = Api::new("others", "Others", [get("listThings", "/others", nothing)]);
    let groups = vec![DescribedGroup::from(&api()), DescribedGroup::from(&other)];

    let error = document("1.0.0", &[TOPICS[0], ("Empty", "")], groups)
        .err()
        .unwrap()
        .to_string();

    for problem in [
        "listThings has no summary",
        "the name listThings is used twice",
        "listThings has the unknown topic \"\"",
        "the topic \"Empty\" has no route",
    ] {
        assert!(error.contains(problem), "{error}");
    }
}
