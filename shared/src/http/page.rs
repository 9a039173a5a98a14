//! Keyset pagination: a page is a bare array, with a `Link` header to the next page if there is one.

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{Datelike, NaiveDateTime};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use utoipa::ToSchema;

use super::{
    Check, Error, Field, Fields, FromFields, Json, Rule,
    describe::{self, Operation, Output},
    integer,
};

/// Maximum length of a cursor.
const MAX_CURSOR_LENGTH: usize = 512;

/// The start of a page: the sort order and the key columns of the row before it.
///
/// Clients receive unpadded base64url (RFC 4648, section 5) of `{"v":1,"s":"<sort>","k":[<key columns…>,"<id>"]}`. A cursor
/// grants no access: each page checks visibility again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    v: u8,
    s: String,
    k: Value,
}

impl Cursor {
    /// Returns the cursor after a row. `keys` is a tuple of its key columns. Times have the full precision of the database.
    pub fn new(sort: &str, keys: impl Serialize) -> Self {
        let k = serde_json::to_value(keys).unwrap_or(Value::Null);
        Self {
            v: 1,
            s: sort.to_owned(),
            k,
        }
    }

    /// Returns the text that clients send back.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Decodes a client's text. Returns `None` if it is not a cursor.
    pub fn decode(text: &str) -> Option<Self> {
        if text.len() > MAX_CURSOR_LENGTH {
            return None;
        }
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let cursor: Self = serde_json::from_slice(&json).ok()?;
        (cursor.v == 1 && cursor.k.as_array()?.iter().all(is_storable)).then_some(cursor)
    }

    fn keys<K: DeserializeOwned>(&self, sort: &str) -> Option<K> {
        if self.s != sort {
            return None;
        }
        serde_json::from_value(self.k.clone()).ok()
    }
}

/// Returns whether PostgreSQL can store a key. Its texts contain no NUL, and its timestamps have a smaller range than
/// chrono's.
fn is_storable(key: &Value) -> bool {
    key.as_str().is_none_or(|key| {
        let in_range = |time: NaiveDateTime| (0..=9999).contains(&time.year());
        !key.contains('\0') && key.parse().map_or(true, in_range)
    })
}

/// The rule of a cursor.
struct ValidCursor;

impl Check for ValidCursor {
    type Output = Cursor;

    fn check(&self, value: &Value, field: &mut Field<'_>) -> Option<Cursor> {
        let cursor = value.as_str().and_then(Cursor::decode);
        if cursor.is_none() {
            field.refuse("must be a valid cursor");
        }
        cursor
    }

    fn schema(&self) -> describe::Schema {
        describe::text(None, Some(MAX_CURSOR_LENGTH))
    }
}

/// The requested page of a list.
#[derive(Clone, Debug)]
pub struct PageQuery {
    limit: i64,
    cursor: Option<Cursor>,
}

impl FromFields for PageQuery {
    /// Reads `limit` (1–100, default 20) and `cursor`.
    fn from_fields(fields: &mut Fields) -> Self {
        Self::with_max(fields, 100)
    }
}

impl PageQuery {
    /// Reads `limit` with another maximum, and `cursor`.
    pub fn with_max(fields: &mut Fields, max: i64) -> Self {
        let limit = integer(1, max).or(20.min(max));
        let limit = limit.about("Maximum number of items; 20 by default");
        let cursor = ValidCursor.optional();
        let cursor =
            cursor.about("Where the page starts: taken from the `Link` of the page before");
        Self {
            limit: fields.read("limit", limit),
            cursor: fields.read("cursor", cursor),
        }
    }

    /// Returns the maximum number of rows in the response.
    pub fn limit(&self) -> i64 {
        self.limit
    }

    /// Returns the number of rows to fetch: one more than [`Self::limit`], to find out whether there is a next page.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// Returns the keys of the row before this page, as the tuple passed to [`Cursor::new`]; `None` for the first page.
    ///
    /// # Errors
    /// 400 if the cursor belongs to another sort order or has other keys.
    pub fn after<K: DeserializeOwned>(&self, sort: &str) -> Result<Option<K>, Error> {
        match &self.cursor {
            None => Ok(None),
            Some(cursor) => cursor
                .keys(sort)
                .map(Some)
                .ok_or_else(|| Error::Validation(vec!["cursor must be a valid cursor".to_owned()])),
        }
    }

    /// Returns the page of up to [`Self::fetch`] rows. `cursor` returns the start of the page after a row.
    pub fn page<T>(&self, mut rows: Vec<T>, cursor: impl Fn(&T) -> Cursor) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| cursor(row).encode());
        Page { rows, next }
    }
}

/// One page of a list. The response is a bare array, and the guard adds the cursor as a `Link` header.
#[derive(Clone, Debug)]
pub struct Page<T> {
    rows: Vec<T>,
    next: Option<String>,
}

impl<T> Page<T> {
    /// A list with only one page.
    pub fn single(rows: Vec<T>) -> Self {
        Self { rows, next: None }
    }

    /// Converts the items of the page.
    pub fn map<U>(self, item: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(item).collect(),
            next: self.next,
        }
    }
}

/// The bytes of the request line and headers that API Gateway accepts:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>.
const MAX_LINK: usize = 10_240;

/// The cursor of the next page. The handler attaches it to the response, and the guard combines it with the query.
#[derive(Clone)]
pub(super) struct NextCursor(String);

impl NextCursor {
    /// Returns a query-only reference (RFC 3986, section 4.2) that repeats the request's parameters. There is none where it
    /// would be longer than any request that API Gateway accepts; percent-encoding makes invalid bytes three times as long.
    pub(super) fn link(&self, query: &str) -> Option<HeaderValue> {
        let mut target = form_urlencoded::Serializer::new(String::new());
        target.extend_pairs(
            form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "cursor"),
        );
        target.append_pair("cursor", &self.0);
        let target = target.finish();
        if target.len() > MAX_LINK {
            return None;
        }
        HeaderValue::try_from(format!("<?{target}>; rel=\"next\"")).ok()
    }
}

impl<T: ToSchema> Output for Page<T> {
    fn describe(operation: &mut Operation) {
        operation.json_of::<T>(200);
        operation.json(200, describe::array_of::<T>());
        operation.header(200, "Link");
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.rows).into_response();
        if let Some(next) = self.next {
            response.extensions_mut().insert(NextCursor(next));
        }
        response
    }
}

/// Adds the `Link` header if the response is a page with a next one.
pub(super) fn add_link(response: &mut Response, query: &str) {
    if let Some(link) = response
        .extensions()
        .get::<NextCursor>()
        .and_then(|next| next.link(query))
    {
        response.headers_mut().insert(header::LINK, link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> (PageQuery, Result<(), Vec<String>>) {
        let mut fields = Fields::of_query(text);
        let page = PageQuery::from_fields(&mut fields);
        (page, fields.finish())
    }

    #[test]
    fn a_cursor_survives_encoding_and_decoding() {
        let text = Cursor::new("newest", ("2025-01-15T10:30:00.000Z", "abc")).encode();
        let (page, checked) = query(&format!("cursor={text}"));
        assert!(checked.is_ok());

        let keys: Option<(String, String)> = page.after("newest").unwrap();
        assert_eq!(keys.unwrap().1, "abc");
        assert!(page.after::<(String, String)>("likes").is_err());
        assert!(page.after::<(i64, String)>("newest").is_err());
    }

    #[test]
    fn a_malformed_cursor_is_rejected() {
        let long = "A".repeat(513);
        let nul = Cursor::new("newest", ("a\0", "b")).encode();
        let year = Cursor::new("newest", ("-200000-01-01T00:00:00", "b")).encode();
        for text in ["", "x", "e30", "%00", &long, &nul, &year] {
            let (_, checked) = query(&format!("cursor={text}"));
            assert_eq!(
                checked.unwrap_err()[0],
                "cursor must be a valid cursor",
                "{text}"
            );
        }
    }

    #[test]
    fn the_length_of_a_cursor_is_limited() {
        let cursor =
            |length: usize| Cursor::new("newest", ("2025-01-15T10:30:00.000Z", "a".repeat(length)));
        let rest = cursor(0).encode().len() * 3 / 4;
        let longest = cursor(MAX_CURSOR_LENGTH * 3 / 4 - rest);
        let longer = cursor(MAX_CURSOR_LENGTH * 3 / 4 - rest + 1);

        assert_eq!(longest.encode().len(), MAX_CURSOR_LENGTH);
        assert_eq!(Cursor::decode(&longest.encode()), Some(longest));
        assert_eq!(Cursor::decode(&longer.encode()), None);
    }

    #[test]
    fn a_link_is_at_most_as_long_as_a_request() {
        let link = |length: usize| {
            let query = format!("tag={}", "a".repeat(length));
            NextCursor("abc".to_owned()).link(&query)
        };
        let longest = MAX_LINK - "tag=&cursor=abc".len();

        assert!(link(longest).is_some());
        assert!(link(longest + 1).is_none());
        assert!(link(3 * longest).is_none());
    }

    #[test]
    fn the_link_repeats_the_filters() {
        let link = NextCursor("abc".to_owned())
            .link("tag=c%2B%2B&cursor=old&tag=rust")
            .unwrap();
        assert_eq!(link, "<?tag=c%2B%2B&tag=rust&cursor=abc>; rel=\"next\"");
    }

    #[test]
    fn a_full_page_with_one_more_row_has_a_next() {
        let (page, _) = query("limit=2");
        let answer = page.page(vec![1, 2, 3], |row| Cursor::new("newest", (row, "id")));
        assert_eq!(answer.rows, [1, 2]);
        assert_eq!(answer.next, Some(Cursor::new("newest", (2, "id")).encode()));
        assert_eq!(
            page.page(vec![1, 2], |row| Cursor::new("s", (row, "id")))
                .next,
            None
        );
    }
}
