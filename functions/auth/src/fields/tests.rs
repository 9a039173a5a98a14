//! Tests of the rules.

use serde_json::{Value, json};

use super::{
    Problems, RoleNamesRule, ValueRule, identity::MAX_ROLES_CHARS, json, record, text, texts,
};

fn problems_of<R: ValueRule>(rule: &R, value: &Value) -> Vec<String> {
    let mut problems = Problems::default();
    rule.check(value, "body.x", &mut problems);
    problems.into_messages()
}

#[test]
fn limits_are_inclusive() {
    for length in [2, 3] {
        let fits = length == 2;
        let value = json!("é".repeat(length));
        assert_eq!(problems_of(&text().max(2), &value).is_empty(), fits);
        let value = json!(vec!["x"; length]);
        assert_eq!(problems_of(&texts().max_items(2), &value).is_empty(), fits);
        let value = json!({ "é": "x".repeat(length) });
        assert_eq!(
            problems_of(&record().max_bytes(11), &value).is_empty(),
            fits
        );
        assert_eq!(problems_of(&json(11), &value).is_empty(), fits);
    }
    let value = json!({"a": 1, "b": 2});
    assert!(problems_of(&record().max_names(2), &value).is_empty());
    assert!(!problems_of(&record().max_names(1), &value).is_empty());
}

#[test]
fn the_items_of_a_list_that_is_too_long_are_not_validated() {
    assert_eq!(
        problems_of(&texts().max_items(1), &json!([1, 2])),
        ["[body.x] Too big: expected array to have <=1 items"]
    );
}

#[test]
fn roles_are_joined() {
    assert_eq!(RoleNamesRule::join(&json!("a,b")).as_deref(), Some("a,b"));
    let list = json!(["a", "b"]);
    assert_eq!(RoleNamesRule::join(&list).as_deref(), Some("a,b"));
    let long = "x".repeat(MAX_ROLES_CHARS + 1);
    for bad in [
        json!(1),
        json!(null),
        json!(["a", 1]),
        json!("\0"),
        json!(long),
        json!(vec!["x"; 200]),
    ] {
        assert_eq!(RoleNamesRule::join(&bad), None, "{bad}");
    }
}
