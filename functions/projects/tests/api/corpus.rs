//! Pictures in all formats, with unusual properties. Another image library makes and checks them.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use sqlx::PgPool;
use testkit::python;

use crate::stored::{complete, create_file, download, id, put, stored};

const PILLOW: &str = "pillow==12.0.0";

/// Runs the script. The error is the script's output.
fn script(programs: &Path, mode: &str, folder: &Path) -> Result<(), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus.py");
    let mut command = Command::new(programs.join("python"));
    let output = command.arg(script).arg(mode).arg(folder).output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[testkit::test]
async fn pictures_keep_their_appearance_and_lose_their_metadata(db: PgPool) {
    let Some(app) = stored(&db) else { return };
    let installed = python::environment("pillow", &[PILLOW]);
    let Some(programs) = python::or_skipped("Pillow", installed) else {
        return;
    };
    let folder = std::env::temp_dir().join(format!("codecave-corpus-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    script(&programs, "make", &folder).unwrap();
    let corpus = fs::read_to_string(folder.join("corpus.json")).unwrap();
    let corpus: Vec<Value> = serde_json::from_str(&corpus).unwrap();
    assert!(corpus.len() >= 60, "{} pictures", corpus.len());
    let ada = app.user("ada").await;
    for picture in &corpus {
        let name = picture["name"].as_str().unwrap();
        let bytes = fs::read(folder.join(name)).unwrap();
        let content_type = picture["contentType"].as_str().unwrap();
        let made = create_file(&ada, None, content_type, bytes.len()).await;
        assert_eq!(put(&made, &bytes).await, 200);

        let answer = complete(&ada, &made).await;

        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        let id = id(&made);
        let content = ada.get(&format!("/uploads/{id}/content")).await.expect(302);
        let (_, file) = download(&content).await.unwrap();
        fs::write(folder.join(format!("{name}.file")), file).unwrap();
        for format in ["webp", "jpeg", "png"] {
            let path = format!("/images/{id}?format={format}&q=90");
            let image = ada.get(&path).await.expect(200);
            fs::write(folder.join(format!("{name}.{format}")), image.body).unwrap();
        }
        // A user can have ten avatars.
        ada.delete(&format!("/uploads/{id}")).await.expect(204);
    }

    script(&programs, "check", &folder).unwrap_or_else(|complaints| panic!("{complaints}"));
    fs::remove_dir_all(folder).unwrap();
}
