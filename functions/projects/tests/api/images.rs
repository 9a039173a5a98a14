//! `GET /images/{uploadId}` with a real bucket.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use futures_util::future::join_all;
use image::{GenericImageView as _, ImageFormat};
use serde_json::json;
use sqlx::PgPool;
use testing::{Answer, App, Caller};

use crate::{
    app, draft, number, project, sql,
    stored::{download, encoded, file, picture, stored},
    uploads::insert,
};

const WEBP: &str = "image/avif,image/webp,*/*;q=0.8";

async fn avatar(app: &App, bytes: &[u8], content_type: &str) -> (Caller, String) {
    let ada = app.user("ada").await;
    let id = file(&ada, None, content_type, bytes).await;
    (ada, format!("/images/{id}"))
}

fn size(answer: &Answer) -> (u32, u32) {
    image::load_from_memory(&answer.body).unwrap().dimensions()
}

#[testkit::test]
async fn an_image_is_served_in_the_requested_size_and_format(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let png = encoded(&picture(400, 200), ImageFormat::Png);
    let (_, path) = avatar(&app, &png, "image/png").await;
    let anyone = app.anyone();
    for (query, accept, content_type, expected) in [
        ("", "*/*", "image/png", (400, 200)),
        ("", WEBP, "image/webp", (400, 200)),
        ("?w=64", WEBP, "image/webp", (64, 32)),
        ("?w=64", "image/*", "image/webp", (64, 32)),
        ("?w=64", "image/webp;q=0", "image/png", (64, 32)),
        ("?w=64&h=16", "*/*", "image/png", (32, 16)),
        ("?w=64&h=64&fit=cover", "*/*", "image/png", (64, 64)),
        ("?w=640&h=640&fit=cover", "*/*", "image/png", (200, 200)),
        ("?w=3840", "*/*", "image/png", (400, 200)),
        ("?w=96&format=jpeg", WEBP, "image/jpeg", (96, 48)),
        ("?w=96&format=webp&q=50", "*/*", "image/webp", (96, 48)),
        ("?w=96&format=png", WEBP, "image/png", (96, 48)),
    ] {
        let caller = anyone.clone().header("accept", accept);
        for time in ["made", "kept"] {
            let answer = caller.get(&format!("{path}{query}")).await.expect(200);
            let case = format!("{query} {accept} {time}");
            assert_eq!(answer.header("content-type"), content_type, "{case}");
            assert_eq!(size(&answer), expected, "{case}");
        }
    }
}

#[testkit::test]
async fn the_cache_control_of_an_image_depends_on_its_visibility(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let ada = app.user("ada").await;
    let png = encoded(&picture(40, 40), ImageFormat::Png);
    let open = file(&ada, Some(&project(&ada, "A").await), "image/png", &png).await;
    let closed = file(&ada, Some(&draft(&ada, "B").await), "image/png", &png).await;
    for (id, callers, control) in [
        (
            &open,
            vec![ada.clone(), app.anyone()],
            "public, max-age=3600, s-maxage=3600",
        ),
        (&closed, vec![ada.clone()], "private, no-cache"),
    ] {
        for caller in callers {
            let path = format!("/images/{id}?w=16");
            let answer = caller.get(&path).await.expect(200);
            let tag = answer.header("etag").to_owned();
            assert!(tag.starts_with('"'), "{tag}");
            let known = caller
                .clone()
                .header("if-none-match", &format!("\"x\", W/{tag}"));
            let unchanged = known.get(&path).await.expect(304);
            assert!(unchanged.body.is_empty());
            for answer in [&answer, &unchanged] {
                assert_eq!(answer.header("cache-control"), control);
                assert_eq!(answer.header("etag"), tag);
                assert_eq!(
                    answer.header("cross-origin-resource-policy"),
                    "cross-origin"
                );
                let vary = answer.header_all("vary").join(", ");
                assert!(vary.starts_with("Accept, Origin"), "{vary}");
                assert_eq!(
                    vary == "Accept, Origin",
                    control.starts_with("public"),
                    "{vary}"
                );
            }
            let other = known.get(&format!("/images/{id}?w=32")).await.expect(200);
            assert_ne!(other.header("etag"), tag);
        }
    }
    app.anyone()
        .get(&format!("/images/{closed}?w=16"))
        .await
        .expect_error(404, &["File not found"]);
}

#[testkit::test]
async fn twenty_concurrent_requests_make_one_picture(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let png = encoded(&picture(800, 600), ImageFormat::Png);
    let (ada, path) = avatar(&app, &png, "image/png").await;
    let writes = async || {
        let count = "select coalesce(sum(count), 0)::int8 from quota where key like 'write:%'";
        number(&db, count, &[]).await
    };
    let before = writes().await;

    let path = format!("{path}?w=640&format=webp");
    let answers = join_all((0..20).map(|_| ada.get(&path))).await;

    for answer in &answers {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, answers[0].body);
    }
    assert_eq!(number(&db, "select count(*) from picture", &[]).await, 1);
    // Making a picture counts as a write. Serving a stored one does not.
    assert_eq!(writes().await - before, 1);
}

#[testkit::test]
async fn making_a_picture_counts_as_a_write_and_serving_one_does_not(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let png = encoded(&picture(40, 40), ImageFormat::Png);
    let (ada, path) = avatar(&app, &png, "image/png").await;
    ada.get(&format!("{path}?w=16")).await.expect(200);
    sql(
        &db,
        "update quota set count = 1000001 where key like 'write:%'",
        &[],
    )
    .await;

    ada.get(&format!("{path}?w=16")).await.expect(200);
    ada.get(&format!("{path}?w=32")).await.expect(429);

    // Another client may still make it.
    let answer = app.anyone().get(&format!("{path}?w=32")).await.expect(200);
    assert_eq!(size(&answer), (32, 32));
}

#[testkit::test]
async fn a_lost_picture_is_made_again(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    // Versions of more than 512 KiB are not kept in memory.
    let png = encoded(&noise(500, 400), ImageFormat::Png);
    let (ada, path) = avatar(&app, &png, "image/png").await;
    let first = ada.get(&format!("{path}?format=png")).await.expect(200);
    let key = format!("{}/anyxany-inside.png", path.trim_start_matches('/'));
    let storage = app.state.storage.as_ref().unwrap();
    assert!(storage.exists(&key).await.unwrap());
    storage.delete(&key).await.unwrap();

    let again = ada.get(&format!("{path}?format=png")).await.expect(200);

    assert_eq!(again.body, first.body);
    assert!(storage.exists(&key).await.unwrap());
}

#[testkit::test]
async fn a_version_in_memory_needs_no_bucket_and_ends_with_its_file(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let png = encoded(&picture(40, 40), ImageFormat::Png);
    let (ada, path) = avatar(&app, &png, "image/png").await;
    let version = format!("{path}?w=16&format=png");
    let first = ada.get(&version).await.expect(200);
    let key = format!("{}/16xany-inside.png", path.trim_start_matches('/'));
    let storage = app.state.storage.as_ref().unwrap();
    storage.delete(&key).await.unwrap();

    let again = app.anyone().get(&version).await.expect(200);
    assert_eq!(again.body, first.body);
    assert!(!storage.exists(&key).await.unwrap());

    ada.delete(&path.replace("/images/", "/uploads/"))
        .await
        .expect(204);
    ada.get(&version).await.expect(404);
    app.anyone().get(&version).await.expect(404);
}

/// Returns an image that no format compresses.
fn noise(width: u32, height: u32) -> image::RgbImage {
    let mut state = 1_u32;
    image::RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = state.to_be_bytes();
        image::Rgb([a, b, c])
    })
}

#[testkit::test]
async fn an_image_above_4_mib_is_a_redirect(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let noise = noise(1500, 1200);
    let (_, path) = avatar(&app, &encoded(&noise, ImageFormat::Png), "image/png").await;
    for _ in 0..2 {
        let answer = app
            .anyone()
            .get(&format!("{path}?format=png"))
            .await
            .expect(302);
        assert_eq!(answer.header("cache-control"), "private, max-age=60");
        assert_eq!(
            answer.header("cross-origin-resource-policy"),
            "cross-origin"
        );
        let (headers, bytes) = download(&answer).await.unwrap();
        assert_eq!(headers["content-type"], "image/png");
        assert!(bytes.len() > 4 * 1024 * 1024);
        assert_eq!(image::load_from_memory(&bytes).unwrap().to_rgb8(), noise);
    }
}

#[testkit::test]
async fn an_animation_is_reduced_to_its_first_frame(db: PgPool) {
    use image::{Delay, Frame, RgbaImage, codecs::gif::GifEncoder};

    let Some(app) = stored(&db) else { return };
    let mut gif = Vec::new();
    let mut encoder = GifEncoder::new(&mut gif);
    for colour in [[255, 0, 0, 255], [0, 255, 0, 255]] {
        let frame = RgbaImage::from_pixel(20, 20, image::Rgba(colour));
        let delay = Delay::from_numer_denom_ms(100, 1);
        encoder
            .encode_frame(Frame::from_parts(frame, 0, 0, delay))
            .unwrap();
    }
    drop(encoder);
    let (_, path) = avatar(&app, &gif, "image/gif").await;

    let answer = app.anyone().get(&path).await.expect(200);

    assert_eq!(answer.header("content-type"), "image/png");
    let picture = image::load_from_memory(&answer.body).unwrap().to_rgb8();
    assert_eq!(picture.get_pixel(10, 10).0, [255, 0, 0]);
}

#[testkit::test]
async fn deleting_a_file_deletes_its_images(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let png = encoded(&picture(40, 40), ImageFormat::Png);
    let (ada, path) = avatar(&app, &png, "image/png").await;
    ada.get(&path).await.expect(200);
    ada.delete(&path.replace("/images/", "/uploads/"))
        .await
        .expect(204);
    ada.get(&path).await.expect_error(404, &["File not found"]);
    ada.post(
        &format!("{}/complete", path.replace("/images/", "/uploads/")),
        json!({}),
    )
    .await
    .expect(404);
}

#[testkit::test]
async fn options_of_images_are_validated(db: PgPool) {
    let app = app(&db);
    let lengths = "16, 32, 48, 64, 96, 128, 256, 384, 640, 750, 828, 1080, 1200, 1920, 2048, 3840";
    let w = format!("w must be one of the following values: {lengths}");
    let cases: [(&str, &[&str]); 9] = [
        ("w=17", &[&w]),
        ("w=", &[&w]),
        ("w=0640", &[&w]),
        ("h=64", &["h must be used with w"]),
        ("w=64&fit=cover", &["fit must be inside without h"]),
        (
            "w=64&h=64&fit=fill",
            &["fit must be one of the following values: inside, cover"],
        ),
        (
            "format=avif",
            &["format must be one of the following values: auto, webp, jpeg, png"],
        ),
        (
            "q=76",
            &["q must be one of the following values: 50, 75, 90"],
        ),
        ("w=64&h=64&fit=cover&format=auto&q=90", &[]),
    ];
    for (query, messages) in cases {
        let answer = app.anyone().get(&format!("/images/unknown?{query}")).await;
        if messages.is_empty() {
            answer.expect_error(404, &["File not found"]);
        } else {
            answer.expect_error(400, messages);
        }
    }
    // Files that are not images have no image.
    let ada = app.user("ada").await;
    let id = project(&ada, "A").await;
    insert(&db, ["f", &ada.id, &id, "text/plain", "ready", "1"]).await;
    ada.get("/images/f")
        .await
        .expect_error(404, &["File not found"]);
}
