//! A group with a real bucket, and helpers for its files.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use serde_json::{Value, json};
use sqlx::PgPool;
use testing::{Answer, App, Caller};
use testkit::storage::LocalStorage;

/// The projects group with a bucket. Returns `None` where the storage is not available, so that the test is skipped.
pub fn stored(db: &PgPool) -> Option<App> {
    let storage = LocalStorage::for_tests()?;
    let variables = storage.variables();
    Some(App::configured(projects::api(), db.clone(), &variables))
}

/// Creates a file of the declared type and size, for the project or as an avatar.
pub async fn create_file(
    caller: &Caller,
    project: Option<&str>,
    content_type: &str,
    size: usize,
) -> Value {
    let mut body = json!({
        "purpose": "avatar", "filename": "file", "contentType": content_type, "size": size,
    });
    if let Some(project) = project {
        body["purpose"] = json!("project");
        body["projectId"] = json!(project);
    }
    caller.post("/uploads", body).await.expect(201).json()
}

/// Uploads as the response describes, and returns the status.
pub async fn put(made: &Value, bytes: &[u8]) -> u16 {
    let upload = &made["upload"];
    let content_type = upload["headers"]["Content-Type"].as_str().unwrap();
    put_as(upload["url"].as_str().unwrap(), content_type, bytes).await
}

/// Uploads to an address, and returns the status.
pub async fn put_as(url: &str, content_type: &str, bytes: &[u8]) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.put(url).header("content-type", content_type);
    let response = request.body(bytes.to_vec()).send().await.unwrap();
    response.status().as_u16()
}

/// Returns the id of a created file.
pub fn id(made: &Value) -> &str {
    made["file"]["id"].as_str().unwrap()
}

/// Completes a file.
pub async fn complete(caller: &Caller, made: &Value) -> Answer {
    let path = format!("/uploads/{}/complete", id(made));
    caller.post(&path, json!({})).await
}

/// Uploads and completes a file of a project, and returns its id.
pub async fn file(
    caller: &Caller,
    project: Option<&str>,
    content_type: &str,
    bytes: &[u8],
) -> String {
    let made = create_file(caller, project, content_type, bytes.len()).await;
    assert_eq!(put(&made, bytes).await, 200);
    complete(caller, &made).await.expect(200);
    id(&made).to_owned()
}

/// Follows the redirect to a file's content. Returns the headers and the bytes, or the bucket's status of an error.
pub async fn download(answer: &Answer) -> Result<(reqwest::header::HeaderMap, Vec<u8>), u16> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(answer.header("location")).send().await.unwrap();
    if !response.status().is_success() {
        return Err(response.status().as_u16());
    }
    let headers = response.headers().clone();
    Ok((headers, response.bytes().await.unwrap().to_vec()))
}

/// A picture in which the colour of each pixel encodes its position.
pub fn picture(width: u32, height: u32) -> image::RgbImage {
    image::RgbImage::from_fn(width, height, |x, y| {
        let part = |place: u32, length: u32| u8::try_from(place * 255 / length.max(1)).unwrap();
        image::Rgb([part(x, width), part(y, height), 128])
    })
}

/// Encodes a picture.
pub fn encoded(picture: &image::RgbImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}
