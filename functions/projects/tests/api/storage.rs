//! Uploads with a real bucket.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use image::ImageFormat;
use serde_json::json;
use shared::storage::remove_objects;
use sqlx::PgPool;
use testing::App;
use tokio::net::TcpListener;

use crate::{
    draft, number, project, sql,
    stored::{complete, create_file, download, encoded, file, id, picture, put, put_as, stored},
    uploads::insert,
};

#[testkit::test]
async fn the_bucket_rejects_undeclared_uploads(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let ada = app.user("ada").await;
    let made = create_file(&ada, None, "image/png", 5).await;
    let url = made["upload"]["url"].as_str().unwrap();

    assert_eq!(
        put_as(url, "text/html", b"12345").await,
        403,
        "another type"
    );
    assert_eq!(put_as(url, "image/png", b"1234").await, 403, "another size");
    assert_eq!(
        put_as(url, "image/png", b"123456").await,
        403,
        "another size"
    );
    assert_eq!(put_as(url, "image/png", b"").await, 403, "no bytes");
    let other = create_file(&ada, None, "image/png", 5).await;
    let elsewhere = url.replace(id(&made), id(&other));
    assert_eq!(
        put_as(&elsewhere, "image/png", b"12345").await,
        403,
        "another key"
    );
    let forged = url.replace("X-Amz-Signature=", "X-Amz-Signature=0");
    assert_eq!(
        put_as(&forged, "image/png", b"12345").await,
        403,
        "another signature"
    );
    let longer = url.replace("X-Amz-Expires=600", "X-Amz-Expires=6000");
    assert_eq!(
        put_as(&longer, "image/png", b"12345").await,
        403,
        "a longer expiry"
    );
    let unsigned = url.split('?').next().unwrap();
    assert_eq!(
        put_as(unsigned, "image/png", b"12345").await,
        403,
        "no signature"
    );
    let read = reqwest::Client::new().get(url).send().await.unwrap();
    assert_eq!(read.status(), 403, "another method");
    complete(&ada, &made)
        .await
        .expect_error(409, &["File was not uploaded yet"]);
    assert_eq!(put(&made, b"12345").await, 200);
}

#[testkit::test]
async fn an_upload_becomes_a_file(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let project = project(&ada, "A").await;
    let png = encoded(&picture(40, 30), ImageFormat::Png);
    let made = create_file(&ada, Some(&project), "image/png", png.len()).await;
    assert_eq!(put(&made, &png).await, 200);

    let ready = complete(&ada, &made).await.expect(200).json();
    assert_eq!(ready["status"], "ready");
    assert_eq!(
        (&ready["width"], &ready["height"]),
        (&json!(40), &json!(30))
    );
    assert_eq!(ready["size"], png.len());
    assert_eq!(
        complete(&ada, &made).await.expect(200).json(),
        ready,
        "a repeat"
    );
    assert_eq!(
        bob.get(&format!("/uploads/{}", id(&made))).await.json(),
        ready
    );

    // A late upload writes another object than the file's.
    let late = encoded(&picture(40, 30), ImageFormat::Png);
    put(&made, &late).await;
    let content = app
        .anyone()
        .get(&format!("/uploads/{}/content", id(&made)))
        .await
        .expect(302);
    assert_eq!(content.header("cache-control"), "private, max-age=60");
    assert!(content.header("location").contains("X-Amz-Expires=300"));
    let (headers, bytes) = download(&content).await.unwrap();
    assert_eq!(bytes, png);
    assert_eq!(headers["content-type"], "image/png");
    assert!(!headers.contains_key("content-disposition"));
}

#[testkit::test]
async fn every_type_that_is_declared_can_be_uploaded(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let ada = app.user("ada").await;
    sql(&db, r#"update "user" set "isPro" = true"#, &[]).await;
    let project = project(&ada, "A").await;
    let picture = picture(16, 16);
    for (content_type, bytes) in [
        ("image/png", encoded(&picture, ImageFormat::Png)),
        ("image/jpeg", encoded(&picture, ImageFormat::Jpeg)),
        ("image/webp", encoded(&picture, ImageFormat::WebP)),
        ("image/gif", encoded(&picture, ImageFormat::Gif)),
        ("application/pdf", b"%PDF-1.7\n\xff".to_vec()),
        ("text/plain", "Grüße\n".into()),
        ("text/markdown", "# Grüße\n".into()),
        ("application/zip", b"PK\x03\x04rest".to_vec()),
    ] {
        let id = file(&ada, Some(&project), content_type, &bytes).await;
        let content = ada.get(&format!("/uploads/{id}/content")).await.expect(302);
        let (headers, downloaded) = download(&content).await.unwrap();
        assert_eq!(downloaded, bytes, "{content_type}");
        assert_eq!(headers["content-type"], content_type);
        assert_eq!(
            headers.contains_key("content-disposition"),
            !content_type.starts_with("image/"),
            "{content_type}"
        );
    }
}

#[testkit::test]
async fn a_file_of_another_type_is_rejected_and_removed(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let ada = app.user("ada").await;
    let png = encoded(&picture(64, 64), ImageFormat::Png);
    let jpeg = encoded(&picture(64, 64), ImageFormat::Jpeg);
    let project = project(&ada, "A").await;
    let html = b"<html><script>alert(1)</script>";
    for (content_type, bytes, message) in [
        (
            "image/png",
            html.to_vec(),
            "File is not of the declared type",
        ),
        (
            "image/jpeg",
            png.clone(),
            "File is not of the declared type",
        ),
        (
            "text/plain",
            b"a\0b".to_vec(),
            "File is not of the declared type",
        ),
        (
            "image/png",
            png[..png.len() - 20].to_vec(),
            "File is not a valid image",
        ),
        (
            "image/png",
            png[..png.len() / 2].to_vec(),
            "File is not a valid image",
        ),
        (
            "image/jpeg",
            jpeg[..jpeg.len() / 2].to_vec(),
            "File is not a valid image",
        ),
        (
            "image/jpeg",
            [&jpeg[..jpeg.len() / 2], b"\xff\xd9"].concat(),
            "File is not a valid image",
        ),
        ("image/gif", b"GIF89a".to_vec(), "File is not a valid image"),
        (
            "image/webp",
            b"RIFF\x04\0\0\0WEBP".to_vec(),
            "File is not a valid image",
        ),
    ] {
        let made = create_file(&ada, Some(&project), content_type, bytes.len()).await;
        assert_eq!(put(&made, &bytes).await, 200);

        complete(&ada, &made).await.expect_error(400, &[message]);

        complete(&ada, &made).await.expect(404);
        assert_eq!(number(&db, "select count(*) from upload", &[]).await, 0);
        let storage = app.state.storage.as_ref().unwrap();
        for key in [
            format!("pending/{}", id(&made)),
            format!("files/{}", id(&made)),
        ] {
            assert!(!storage.exists(&key).await.unwrap(), "{key}");
        }
    }
}

#[testkit::test]
async fn concurrent_completions_return_one_result(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let ada = app.user("ada").await;
    let png = encoded(&picture(300, 200), ImageFormat::Png);
    let made = create_file(&ada, None, "image/png", png.len()).await;
    put(&made, &png).await;

    let answers = join_all((0..8).map(|_| complete(&ada, &made))).await;

    let first = answers[0].clone().expect(200).json();
    for answer in answers {
        assert_eq!(answer.expect(200).json(), first);
    }

    // A request that died has left its lease. The next one waits until the lease expires and starts again.
    let made = create_file(&ada, None, "image/png", png.len()).await;
    put(&made, &png).await;
    sql(
        &db,
        r#"update upload set "leasedUntil" = now() at time zone 'utc' + interval '1 second' where status = 'pending'"#,
        &[],
    )
    .await;
    complete(&ada, &made).await.expect(200);
}

#[testkit::test]
async fn a_download_has_the_name_of_the_file(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let ada = app.user("ada").await;
    let project = project(&ada, "A").await;
    for (name, encoded) in [
        ("report.txt".to_owned(), None),
        (
            "a\"b; c=%41,d.txt".to_owned(),
            Some("a%22b%3B%20c%3D%2541%2Cd.txt".to_owned()),
        ),
        ("👋".repeat(255), Some("%F0%9F%91%8B".repeat(255))),
    ] {
        let body = json!({
            "purpose": "project", "projectId": project, "filename": name, "contentType": "text/plain", "size": 2,
        });
        let made = ada.post("/uploads", body).await.expect(201).json();
        put(&made, b"hi").await;
        complete(&ada, &made).await.expect(200);

        let content = ada
            .get(&format!("/uploads/{}/content", id(&made)))
            .await
            .expect(302);

        let (headers, bytes) = download(&content).await.unwrap();
        assert_eq!(bytes, b"hi");
        let disposition = headers["content-disposition"].to_str().unwrap();
        assert!(
            disposition.starts_with("attachment; filename=\""),
            "{disposition}"
        );
        let utf8 = disposition
            .split("filename*=UTF-8''")
            .nth(1)
            .map(str::to_owned);
        assert_eq!(utf8, encoded);
    }
}

#[testkit::test]
async fn a_lost_object_is_404(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let ada = app.user("ada").await;
    let id = file(
        &ada,
        None,
        "image/png",
        &encoded(&picture(9, 9), ImageFormat::Png),
    )
    .await;
    let storage = app.state.storage.as_ref().unwrap();
    storage.delete(&format!("files/{id}")).await.unwrap();

    for path in [format!("/uploads/{id}/content"), format!("/images/{id}")] {
        ada.get(&path).await.expect_error(404, &["File not found"]);
    }
}

#[testkit::test]
async fn files_of_a_project_that_becomes_private_are_not_found(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let project = draft(&ada, "A").await;
    let id = file(&ada, Some(&project), "text/plain", b"secret").await;
    for (is_public, status) in [(false, 404), (true, 302), (false, 404)] {
        ada.put(
            &format!("/projects/{project}"),
            json!({ "isPublic": is_public }),
        )
        .await
        .expect(200);
        bob.get(&format!("/uploads/{id}/content"))
            .await
            .expect(status);
        ada.get(&format!("/uploads/{id}/content")).await.expect(302);
    }
}

#[testkit::test]
async fn the_job_removes_objects_of_deleted_and_expired_files(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let ada = app.user("ada").await;
    let storage = app.state.storage.as_ref().unwrap();
    let png = encoded(&picture(64, 64), ImageFormat::Png);
    let deleted = file(&ada, None, "image/png", &png).await;
    let kept = file(&ada, None, "image/png", &png).await;
    ada.get(&format!("/images/{deleted}?w=16&format=png"))
        .await
        .expect(200);
    let expired = create_file(&ada, None, "image/png", png.len()).await;
    put(&expired, &png).await;
    sql(
        &db,
        r#"update upload set "createdAt" = now() at time zone 'utc' - interval '25 hours' where status = 'pending'"#,
        &[],
    )
    .await;
    ada.delete(&format!("/uploads/{deleted}")).await.expect(204);
    let keys = [
        format!("files/{deleted}"),
        format!("images/{deleted}/16xany-inside.png"),
        format!("pending/{}", id(&expired)),
    ];
    for key in &keys {
        assert!(storage.exists(key).await.unwrap(), "{key}");
    }
    let run = async || {
        let mut connection = db.acquire().await.unwrap();
        let limit = Duration::from_secs(30);
        remove_objects(&mut connection, storage, limit)
            .await
            .unwrap()
    };

    let removal = run().await;

    assert_eq!(removal.expired, 1);
    assert!(removal.objects >= 5, "{removal:?}");
    for key in &keys {
        assert!(!storage.exists(key).await.unwrap(), "{key}");
    }
    assert!(storage.exists(&format!("files/{kept}")).await.unwrap());
    // The next run removes an object that was uploaded late. After eleven minutes nothing is left to do.
    assert_eq!(put(&expired, &png).await, 200);
    sql(
        &db,
        r#"update "objectRemoval" set "createdAt" = "createdAt" - interval '12 minutes'"#,
        &[],
    )
    .await;
    run().await;
    assert!(!storage.exists(&keys[2]).await.unwrap());
    assert_eq!(
        number(&db, r#"select count(*) from "objectRemoval""#, &[]).await,
        0
    );
    assert_eq!(run().await.objects, 0);
}

/// The projects group with its storage at this address.
fn app_at(db: &PgPool, endpoint: &str) -> App {
    let variables = [
        ("S3_BUCKET", "cave"),
        ("S3_ENDPOINT", endpoint),
        ("S3_KEY", "key"),
        ("S3_SECRET", "secret"),
    ];
    App::configured(projects::api(), db.clone(), &variables)
}

#[testkit::test]
async fn a_failing_storage_is_503_soon_and_then_at_once(db: PgPool) {
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let failing = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
    let addresses = [
        "http://127.0.0.1:1".to_owned(),
        address(&failing),
        address(&hanging),
    ];
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = failing.accept().await {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream
                .write_all(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await;
        }
    });
    for address in addresses {
        let app = app_at(&db, &address);
        let ada = app.user("ada").await;
        let made = create_file(&ada, None, "image/png", 5).await;
        sql(&db, "delete from upload where id = 'f'", &[]).await;
        insert(&db, ["f", &ada.id, "", "image/png", "ready", "1"]).await;
        for request in 0..3 {
            let started = Instant::now();
            let answer = match request {
                0 => ada.get("/images/f").await,
                _ => complete(&ada, &made).await,
            };
            let answer = answer.expect_error(503, &["Service Unavailable"]);
            assert_eq!(answer.header("retry-after"), "5");
            // A request to the storage has four seconds, and is not repeated.
            assert!(started.elapsed() < Duration::from_secs(8), "{address}");
        }
        let started = Instant::now();
        complete(&ada, &made).await.expect(503);
        assert!(started.elapsed() < Duration::from_secs(4), "{address}");
    }
    drop(hanging);
}
