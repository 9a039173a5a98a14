//! Comparisons that ignore case: a search for a word finds the word, in every script and spelling.

use serde_json::json;
use shared::uri_component;
use sqlx::PgPool;
use testing::{Caller, each};
use unicode_normalization::UnicodeNormalization as _;

use crate::{app, create, sql, titles};

/// Words of many languages, each in the spelling of its author.
const WORDS: [&str; 30] = [
    "ΜΎΘΟΣ",
    "μύθος",
    "İstanbul",
    "Ångström",
    "cafe\u{301}",
    "CRÈME",
    "Žluťoučký",
    "Łódź",
    "Việt",
    "Дже́йн",
    "ЁЖИК",
    "Қазақша",
    "Ⴀⴀⴁ",
    "ᲥᲐᲠᲗᲣᲚᲘ",
    "Հայերեն",
    "हिन्दी",
    "தமிழ்",
    "മലയാളം",
    "বাংলা",
    "ล่ม",
    "ລາວ",
    "ភាសាខ្មែរ",
    "မြန်မာ",
    "བོད་སྐད",
    "日本語",
    "한국어",
    "\u{1112}\u{1161}\u{11ab}글",
    "עִבְרִית",
    "می\u{200c}خواهم",
    "ශ්\u{200d}රී",
];

/// Ranges of letters in scripts with upper and lower case. The test makes random words of them.
const CASED: [(u32, u32); 12] = [
    (0x41, 0x5a),
    (0xc0, 0xde),
    (0x100, 0x17e),
    (0x180, 0x24f),
    (0x386, 0x3ce),
    (0x400, 0x52f),
    (0x531, 0x556),
    (0x10a0, 0x10c5),
    (0x1e00, 0x1eff),
    (0x2c00, 0x2c2f),
    (0x2c80, 0x2ce3),
    (0x10400, 0x1044f),
];

fn encoded(text: &str) -> String {
    uri_component::encode(text)
}

/// Returns the spellings that must find a word: unchanged, decomposed, in lower case, and in upper case if that is
/// reversible.
fn spellings(word: &str) -> Vec<String> {
    let mut spellings = vec![
        word.to_owned(),
        word.nfc().collect(),
        word.nfd().collect(),
        word.to_lowercase(),
        word.to_lowercase().replace('ς', "σ"),
    ];
    let upper = word.to_uppercase();
    if upper.to_lowercase().nfc().eq(word.to_lowercase().nfc()) {
        spellings.push(upper.nfd().collect());
        spellings.push(upper);
    }
    spellings
}

async fn finds(anyone: &Caller, query: &str, id: &str) -> bool {
    let list = anyone.get(&format!("/projects?limit=100&{query}")).await;
    each(&list.expect(200).json(), "id").contains(&id)
}

#[testkit::test]
async fn a_word_is_found_by_every_spelling(db: PgPool) {
    let app = app(&db);
    let (ada, anyone) = (app.user("ada").await, app.anyone());

    for word in WORDS {
        let id = create(&ada, json!({"title": "x", "tags": [word]})).await;
        let titled = create(
            &ada,
            json!({"title": format!("A {word} B"), "language": word}),
        )
        .await;
        for spelling in spellings(word) {
            let q = encoded(&spelling);
            for query in [
                format!("q={q}"),
                format!("tag={q}"),
                format!("q={q}&sort=newest"),
            ] {
                assert!(
                    finds(&anyone, &query, &id).await,
                    "{word} {spelling} {query}"
                );
            }
            for query in [
                format!("q={q}"),
                format!("language={q}"),
                format!("language={q}&language=x"),
                format!("q=b+{q}&sort=newest"),
            ] {
                assert!(
                    finds(&anyone, &query, &titled).await,
                    "{word} {spelling} {query}"
                );
            }
            for path in [
                format!("/projects/facets?prefix={q}"),
                format!("/projects/facets?q={q}&prefix={q}"),
            ] {
                let facets = anyone.get(&path).await.expect(200).json();
                for kind in ["tags", "languages"] {
                    assert_eq!(
                        each(&facets[kind], "name").len(),
                        1,
                        "{word} {spelling} {path}"
                    );
                }
            }
        }
        for id in [id, titled] {
            ada.delete(&format!("/projects/{id}")).await.expect(204);
        }
    }
}

#[testkit::test]
async fn words_of_random_letters_are_found(db: PgPool) {
    let app = app(&db);
    let (ada, anyone) = (app.user("ada").await, app.anyone());
    // The generator of Numerical Recipes gives different words, and the same ones in every run.
    let mut state = 20_260_107_u32;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut tried = 0;

    for (first, last) in CASED {
        for _ in 0..4 {
            let letters = (0..8).filter_map(|_| char::from_u32(first + random(last - first + 1)));
            let word: String = letters.filter(|c| c.is_alphabetic()).collect();
            if word.chars().count() < 3 {
                continue;
            }
            let id = create(&ada, json!({"title": word, "tags": [word]})).await;
            for spelling in spellings(&word) {
                for name in ["q", "tag"] {
                    let query = format!("{name}={}", encoded(&spelling));
                    assert!(
                        finds(&anyone, &query, &id).await,
                        "{word} {spelling} {name}"
                    );
                    tried += 1;
                }
            }
        }
    }
    println!("measured: tried {tried} searches for a word");
    assert!(tried > 300, "{tried}");
}

#[testkit::test]
async fn tags_are_stored_folded_and_other_texts_composed(db: PgPool) {
    let ada = app(&db).user("ada").await;

    let body = json!({
        "title": "cafe\u{301} ΜΎΘΟΣ",
        "description": "cafe\u{301}",
        "language": "cafe\u{301}",
        "tags": ["ΜΎΘΟΣ", "#μύθος", "İstanbul", "i\u{307}stanbul", "CAFE\u{301}", "café"],
    });
    let project = ada.post("/projects", body).await.expect(201).json();

    assert_eq!(project["title"], "café ΜΎΘΟΣ");
    assert_eq!(project["description"], "cafe\u{301}");
    assert_eq!(project["language"], "café");
    assert_eq!(project["tags"], json!(["μύθοσ", "istanbul", "café"]));

    let path = format!("/projects/{}", project["id"].as_str().unwrap());
    let changed = ada.put(&path, json!({"tags": ["B", "b", "#ς"]})).await;
    assert_eq!(changed.expect(200).json()["tags"], json!(["b", "σ"]));
}

#[testkit::test]
async fn tags_of_the_node_application_are_compared_folded(db: PgPool) {
    let app = app(&db);
    let (ada, anyone) = (app.user("ada").await, app.anyone());
    let id = create(&ada, json!({"title": "x"})).await;
    let tags = r"update projects set tags = $2::text[] where id = $1";
    sql(&db, tags, &[&id, "{React,ΜΎΘΟΣ}"]).await;

    for query in [
        "tag=react",
        "tag=REACT&tag=%CE%BC%CF%8D%CE%B8%CE%BF%CF%82",
        "q=react",
    ] {
        assert!(finds(&anyone, query, &id).await, "{query}");
    }
}

#[testkit::test]
async fn a_term_of_one_or_two_letters_matches_the_start_of_a_word(db: PgPool) {
    let app = app(&db);
    let (ada, anyone) = (app.user("ada").await, app.anyone());
    for (title, tags, language) in [
        ("mongo", json!(["django"]), "Cargo"),
        ("A Go server", json!([]), ""),
        ("golang", json!([]), ""),
        ("tagged", json!(["go-kit"]), ""),
        ("spoken", json!([]), "Go"),
        ("snake_go", json!([]), ""),
        ("用Go写的程序", json!([]), ""),
        ("मन्त्र", json!([]), ""),
    ] {
        create(
            &ada,
            json!({"title": title, "tags": tags, "language": language}),
        )
        .await;
    }

    for (query, expected) in [
        (
            "q=go",
            vec![
                "A Go server",
                "golang",
                "snake_go",
                "spoken",
                "tagged",
                "用Go写的程序",
            ],
        ),
        (
            "q=GO&sort=newest",
            vec![
                "A Go server",
                "golang",
                "snake_go",
                "spoken",
                "tagged",
                "用Go写的程序",
            ],
        ),
        ("q=go+se&sort=likes", vec!["A Go server"]),
        ("q=ng", vec![]),
        ("q=ngo", vec!["mongo"]),
        ("q=o%2B", vec![]),
        // Scripts without spaces match a short term anywhere. Combined letters are one word.
        ("q=%E5%86%99", vec!["用Go写的程序"]),
        ("q=%E7%A8%8B%E5%BA%8F", vec!["用Go写的程序"]),
        ("q=%E0%A4%A4%E0%A5%8D%E0%A4%B0", vec![]),
        ("q=%E0%A4%AE%E0%A4%A8", vec!["मन्त्र"]),
    ] {
        let mut found = titles(&anyone, &format!("/projects?{query}")).await;
        found.sort_unstable();
        assert_eq!(found, expected, "{query}");
    }
    let ranked = titles(&anyone, "/projects?q=go").await;
    assert!(ranked[..4].contains(&"golang".to_owned()), "{ranked:?}");
}
