//! Each field of an update is stored, so that a later request reads it.

use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    bundle::{Bundle, Operation, Somebody},
    sample,
};

/// An update, and the request that reads what it stored.
struct Update {
    operation: &'static str,
    /// Parameters of its path.
    path: &'static [(&'static str, &'static str)],
    /// Fields of the body that name the updated object.
    target: Value,
    /// JSON pointer to the fields in the body.
    fields: &'static str,
    /// The path of the request that reads the fields.
    read: &'static str,
    /// JSON pointer to the fields in its response.
    stored: &'static str,
    /// Fields that are not read back, with the reason.
    except: &'static [(&'static str, &'static str)],
}

const COMPARED: (&str, &str) = ("expectedUpdatedAt", "is compared and not stored");

fn updates() -> Vec<Update> {
    vec![
        Update {
            operation: "updateProfile",
            path: &[],
            target: json!({}),
            fields: "",
            read: "/users/profile",
            stored: "/user",
            except: &[("avatar", "takes only a file of the caller's own")],
        },
        Update {
            operation: "updateProject",
            path: &[("projectId", "project")],
            target: json!({}),
            fields: "",
            read: "/projects/project",
            stored: "",
            except: &[COMPARED],
        },
        Update {
            operation: "updateComment",
            path: &[("commentId", "comment")],
            target: json!({}),
            fields: "",
            read: "/comments/comment",
            stored: "",
            except: &[COMPARED],
        },
        Update {
            operation: "updateUser",
            path: &[],
            target: json!({}),
            fields: "",
            read: "/api/auth/get-session?disableCookieCache=true",
            stored: "/user",
            except: &[],
        },
        Update {
            operation: "adminUpdateUser",
            path: &[],
            target: json!({ "userId": "other" }),
            fields: "/data",
            read: "/api/auth/admin/get-user?id=other",
            stored: "",
            except: &[
                (
                    "isActive",
                    "is no field of Better Auth's user: auth's `a_user_is_updated`",
                ),
                (
                    "isPro",
                    "is no field of Better Auth's user: auth's `a_user_is_updated`",
                ),
            ],
        },
        Update {
            operation: "updateApiKey",
            path: &[],
            target: json!({ "keyId": "KEY" }),
            fields: "",
            read: "/api/auth/api-key/get?id=KEY",
            stored: "",
            except: &[
                ("keyId", "names the key"),
                (
                    "expiresIn",
                    "is read back as `expiresAt`: `a_key_is_updated`",
                ),
            ],
        },
    ]
}

#[testkit::test]
async fn each_field_of_an_update_is_read_back(db: PgPool) {
    sqlx::raw_sql(PEOPLE).execute(&db).await.unwrap();
    let bundle = Bundle::new(&db);
    let author = bundle.session("author").await;
    let author = author.header("origin", "http://localhost:3000");
    let key = create_key(&author).await;
    let operations = bundle.operations();
    let updates = updates();
    let mut count = 0;

    for operation in operations.iter().filter(|operation| is_update(operation)) {
        let update = updates
            .iter()
            .find(|update| update.operation == operation.id)
            .unwrap_or_else(|| panic!("updates() has no entry for {}", operation.id));
        let path = operation.filled(update.path);
        let read = update.read.replace("KEY", &key);
        for (name, schema) in bundle.properties(operation, update.fields) {
            if update
                .except
                .iter()
                .any(|(exception, _)| *exception == name)
            {
                continue;
            }
            let caller = author.at(&operation.function);
            let before = caller.get(&read).await.expect(200).json();
            let before = before.pointer(update.stored).unwrap();
            assert!(before.get(&name).is_some(), "{read} has no {name}");
            let value = another(&bundle, &operation.id, &name, &schema, &before[&name]);
            let body = body(update, &key, &name, &value);
            let what = format!("{} {path} {body}", operation.method);

            let answer = caller
                .send(operation.method.clone(), &path, Some(body))
                .await;

            assert_eq!(answer.status, 200, "{what}: {}", answer.text());
            let after = caller.get(&read).await.expect(200).json();
            let after = after.pointer(update.stored).unwrap();
            assert_eq!(after[&name], value, "{what} is not stored");
            count += 1;
        }
    }

    println!(
        "measured: tried {count} fields of {} updates",
        updates.len()
    );
    assert!(count >= 20, "{count}");
}

/// Two users, and a project and a comment of the first.
const PEOPLE: &str = r#"
    insert into "user" (id, name, email, "emailVerified", "updatedAt", role)
    select id, id, id || '@test.example', true, now() at time zone 'utc', role
    from (values ('author', 'admin'), ('other', 'user')) people (id, role);
    insert into projects (id, title, "isPublic", "updatedAt", "authorId")
    values ('project', 'Project', true, now() at time zone 'utc', 'author');
    insert into comments (id, content, "updatedAt", "authorId", "projectId")
    values ('comment', 'Comment', now() at time zone 'utc', 'author', 'project');
"#;

async fn create_key(author: &Somebody) -> String {
    let body = json!({ "name": "key", "metadata": {} });
    let path = "/api/auth/api-key/create";
    let created = author.at("auth").send(Method::POST, path, Some(body)).await;
    created.expect(200).json()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn is_update(operation: &Operation) -> bool {
    let id = operation.id.to_lowercase();
    id.contains("update") && !operation.body().is_null()
}

fn body(update: &Update, key: &str, name: &str, value: &Value) -> Value {
    let mut body = update.target.clone();
    if body["keyId"] == "KEY" {
        body["keyId"] = json!(key);
    }
    match update.fields.strip_prefix('/') {
        Some(inner) => body[inner] = json!({ name: value }),
        None => body[name] = value.clone(),
    }
    body
}

/// Returns a value that the schema allows and that differs from the present one.
fn another(bundle: &Bundle, operation: &str, name: &str, schema: &Value, present: &Value) -> Value {
    let sample = sample::of(bundle.document(), schema);
    let value = match (&sample, name) {
        (_, "role") => json!("moderator"),
        (_, "email") => json!("somebody@test.example"),
        (Value::Bool(_), _) => json!(present != &json!(true)),
        (Value::Array(_), _) => json!(["sample"]),
        (Value::Object(_), _) => json!({ "sample": 1 }),
        // An address is valid in every text field.
        (Value::String(text), _) if text == "sample" => {
            let address = format!("https://x.example/{operation}");
            let max = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
            let length = usize::try_from(max).unwrap_or(usize::MAX);
            json!(address.chars().take(length).collect::<String>())
        }
        _ => sample,
    };
    assert_ne!(value, *present, "{name}");
    value
}
