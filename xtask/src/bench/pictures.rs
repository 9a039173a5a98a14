//! Files of the benchmark: images of 1280 × 720 pixels.

use std::io::Write as _;

use flate2::{Compression, Crc, write::ZlibEncoder};
use sqlx::{Connection as _, PgConnection};
use testkit::storage::LocalStorage;

use super::measure::{DEAR, WARM_ROUNDS, WARM_UP};

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;

/// Returns the path of a picture, which has a name or a number.
pub fn path(name: &str) -> String {
    format!("/images/benchmark-{name}")
}

/// Inserts one picture whose results are kept, and one for each request that makes a result. Removes the results of earlier
/// runs.
pub async fn insert(database: &str, storage: &LocalStorage) -> anyhow::Result<()> {
    let png = png()?;
    let mut names = vec!["kept".to_owned()];
    names.extend((0..WARM_UP + WARM_ROUNDS * DEAR).map(|number| number.to_string()));
    let mut db = PgConnection::connect(database).await?;
    sqlx::raw_sql("delete from upload where id like 'benchmark-%'")
        .execute(&mut db)
        .await?;
    sqlx::query(FILES)
        .bind(&names)
        .bind(i32::try_from(png.len())?)
        .execute(&mut db)
        .await?;
    db.close().await?;
    for name in &names {
        storage.put(&format!("files/benchmark-{name}"), "image/png", &png)?;
    }
    Ok(())
}

const FILES: &str = r#"
    insert into upload (
        id, "userId", purpose, filename, "contentType", size, width, height, status, "createdAt", "updatedAt"
    )
    select
        'benchmark-' || name, 'benchmark-viewer', 'avatar', 'a.png', 'image/png', $2, 1280, 720, 'ready',
        now() at time zone 'utc', now() at time zone 'utc'
    from unnest($1) name
"#;

/// Returns a picture with areas, gradients and some noise.
fn png() -> anyhow::Result<Vec<u8>> {
    let mut data = ZlibEncoder::new(Vec::new(), Compression::default());
    let mut noise = 1_u32;
    for y in 0..HEIGHT {
        let mut row = vec![0];
        for x in 0..WIDTH {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let colour = [x / 8, y / 4, (x / 160 + y / 90) * 16].map(|part| part + (noise >> 30));
            row.extend(colour.map(|part| part.to_le_bytes()[0]));
        }
        data.write_all(&row)?;
    }
    let size = [WIDTH.to_be_bytes(), HEIGHT.to_be_bytes()].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [
        (b"IHDR", [&size[..], &[8, 2, 0, 0, 0]].concat()),
        (b"IDAT", data.finish()?),
        (b"IEND", Vec::new()),
    ] {
        let mut checksum = Crc::new();
        checksum.update(kind);
        checksum.update(&content);
        png.extend(u32::try_from(content.len())?.to_be_bytes());
        png.extend(kind);
        png.extend(content);
        png.extend(checksum.sum().to_be_bytes());
    }
    Ok(png)
}
