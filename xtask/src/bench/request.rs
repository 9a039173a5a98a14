//! The programs that are measured, and their requests.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use serde_json::json;

use super::{
    budget::{self, Time},
    database::{API_KEY, COOKIE, Database, READER_COOKIE},
    pictures,
};

/// The floor of programs without a database.
pub const HELLO: &str = "hello";
/// The floor of programs with a database.
pub const HELLO_PG: &str = "hello-pg";
/// `hello-pg` a second time. The ratio of the two is the noise of the machine.
pub const HELLO_PG_AGAIN: &str = "hello-pg (again)";
/// `projects` with one request, which is the floor of `projects (images)`.
const PROJECT: &str = "projects (one)";

/// A program with its budgets and requests.
pub struct Program {
    /// Name in the tables.
    pub name: &'static str,
    /// Name of the binary.
    pub binary: &'static str,
    /// Name of the program that it is compared with. A floor has none.
    pub floor: Option<&'static str>,
    /// Maximum time of the start, as a multiple of the floor's.
    pub start: Option<f64>,
    /// Maximum time until the first response, as a multiple of the floor's.
    pub first: Option<f64>,
    /// Whether the database is behind a pooler in transaction mode.
    pub pooled: bool,
    /// Whether the program has a bucket.
    pub stored: bool,
    /// The requests. Start and memory are measured with the first one.
    pub requests: Vec<Request>,
}

impl Program {
    pub fn is_floor(&self) -> bool {
        self.floor.is_none()
    }
}

/// A request that is sent repeatedly.
pub struct Request {
    /// Name in the tables.
    pub name: String,
    event: Vec<u8>,
    /// Status of the response.
    pub status: u16,
    pub budget: Option<Time>,
    /// Maximum processor time, as a multiple of the floor's.
    pub processor: f64,
    /// Maximum number of round trips to the database.
    pub statements: Option<u64>,
    /// Whether it is cheap enough to be sent thousands of times.
    pub cheap: bool,
    sent: AtomicUsize,
}

/// Placeholder in an event for the caller's address, which differs in each request.
const ADDRESS: &str = "ADDRESS";
/// Placeholder in a path for the number of requests of that kind that were sent before.
const NUMBER: &str = "NUMBER";

impl Request {
    fn new(method: &str, address: &str, cookie: Option<&str>) -> Self {
        Self::with_credentials(method, address, cookie, None)
    }

    fn with_credentials(
        method: &str,
        address: &str,
        cookie: Option<&str>,
        api_key: Option<&str>,
    ) -> Self {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {
                "accept": "application/json",
                "accept-encoding": "gzip, br",
                "accept-language": "en-US,en;q=0.9",
                "host": "api.codecave.tech",
                "origin": "https://codecave.tech",
                "referer": "https://codecave.tech/",
                "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "x-amzn-trace-id": "Root=1-5e6722a7-cc56aabb46db7ae02d4da47e",
                "x-forwarded-for": ADDRESS,
                "x-forwarded-port": "443",
                "x-forwarded-proto": "https",
            },
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "r3pmaabbcc",
                "domainName": "api.codecave.tech",
                "domainPrefix": "api",
                "http": {
                    "method": method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": ADDRESS,
                    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                },
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": "$default",
                "stage": "$default",
                "time": "15/Jan/2025:10:30:00 +0000",
                "timeEpoch": 1_736_937_000_000_u64,
            },
            "isBase64Encoded": false,
        });
        if let Some(cookie) = cookie {
            event["cookies"] = json!([cookie]);
        }
        if let Some(key) = api_key {
            event["headers"]["x-api-key"] = json!(key);
        }
        Self {
            name: format!("{method} {address}"),
            event: event.to_string().into_bytes(),
            status: 200,
            budget: None,
            processor: budget::PROCESSOR,
            statements: None,
            cheap: true,
            sent: AtomicUsize::new(0),
        }
    }

    fn get(address: &str) -> Self {
        Self::new("GET", address, None)
    }

    /// A `GET` request with the viewer's session.
    fn get_as_viewer(address: &str) -> Self {
        Self::new("GET", address, Some(COOKIE))
    }

    /// A `GET` request with the viewer's API key.
    fn get_with_key(address: &str) -> Self {
        Self::with_credentials("GET", address, None, Some(API_KEY))
            .named(&format!("GET {address}, API key"))
    }

    /// A `GET` request of nobody.
    fn get_signed_out(address: &str, name: &str) -> Self {
        Self::get(address).named(&format!("GET {name}, signed out"))
    }

    fn rejected(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn processor(mut self, floors: f64) -> Self {
        self.processor = floors;
        self
    }

    fn within(mut self, budget: Time) -> Self {
        self.cheap = matches!(budget, Time::Floors(_));
        self.budget = Some(budget);
        self
    }

    fn dear(mut self) -> Self {
        self.cheap = false;
        self
    }

    fn statements(mut self, most: u64) -> Self {
        self.statements = Some(most);
        self
    }

    fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The event with the address of the caller that has this number.
    pub fn event(&self, number: u32) -> Bytes {
        let [_, _, third, fourth] = number.to_be_bytes();
        let address = format!("198.18.{third}.{fourth}");
        let sent = self.sent.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(&self.event);
        let text = text.replace(ADDRESS, &address);
        text.replace(NUMBER, &sent.to_string()).into_bytes().into()
    }
}

/// Returns all programs that are measured.
pub fn programs(database: &Database) -> Vec<Program> {
    let floor = |name| Program {
        name,
        binary: if name == HELLO { HELLO } else { HELLO_PG },
        floor: None,
        start: None,
        first: None,
        pooled: false,
        stored: false,
        requests: vec![Request::get("/")],
    };
    let function = |name, requests| Program {
        name,
        binary: name,
        floor: Some(HELLO_PG),
        start: None,
        first: None,
        pooled: false,
        stored: false,
        requests,
    };
    let project = &database.project;
    let list = || {
        let request = Request::get("/projects?limit=20");
        request.within(Time::Floors(3.0)).processor(2.5)
    };
    let profile = || {
        let request = Request::get_as_viewer("/users/profile");
        request.within(Time::Floors(2.0)).statements(1)
    };
    let read = |address: &str, milliseconds| {
        let request = Request::get_as_viewer(address);
        request
            .within(Time::Milliseconds(milliseconds))
            .statements(2)
    };
    vec![
        floor(HELLO),
        floor(HELLO_PG),
        floor(HELLO_PG_AGAIN),
        Program {
            floor: Some(HELLO),
            start: Some(1.5),
            ..function(
                "health",
                vec![
                    Request::get("/health").statements(0),
                    Request::get("/stats").dear().statements(2),
                ],
            )
        },
        Program {
            first: Some(1.5),
            ..function(
                "users",
                vec![
                    profile(),
                    Request::get_with_key("/users/profile").statements(2),
                    Request::get_signed_out("/users/profile", "/users/profile")
                        .rejected(401)
                        .processor(1.5),
                    Request::new("GET", "/users?sort=suggested", Some(READER_COOKIE))
                        .named("GET /users?sort=suggested, by somebody who follows 500")
                        .within(Time::Milliseconds(50.0))
                        .statements(2),
                    // The statement aggregates the follows of everybody that the caller follows: here a quarter of all.
                    Request::get_as_viewer("/users?sort=suggested")
                        .named("the same, 5,000")
                        .dear()
                        .statements(2),
                    read("/users?q=rust", 50.0),
                    read("/users/facets", 50.0),
                ],
            )
        },
        Program {
            name: "users (PgBouncer)",
            binary: "users",
            floor: Some("users"),
            pooled: true,
            ..function(
                "users",
                vec![Request::get_as_viewer("/users/profile").within(Time::Floors(1.3))],
            )
        },
        function(
            "projects",
            vec![
                list().statements(2),
                read("/projects?sort=trending", 50.0),
                read("/projects?q=rust%20editor", 50.0)
                    .named("GET /projects?q=rust editor (relevance)"),
                Request::get_signed_out(&format!("/projects/{project}"), "/projects/{projectId}"),
                Request::get_with_key(&format!("/projects/{project}"))
                    .named("GET /projects/{projectId}, API key")
                    .statements(2),
                read("/projects/facets", 50.0),
            ],
        ),
        Program {
            binary: "projects",
            ..function(
                PROJECT,
                vec![
                    read(&format!("/projects/{project}"), 20.0).named("GET /projects/{projectId}"),
                ],
            )
        },
        Program {
            binary: "projects",
            stored: true,
            floor: Some(PROJECT),
            ..function(
                "projects (images)",
                vec![
                    Request::get_as_viewer(&format!(
                        "{}?w=640&format=webp",
                        pictures::path("kept")
                    ))
                    .named("GET /images/{uploadId}: a kept result")
                    .within(Time::Floors(2.0))
                    .dear(),
                    Request::get_as_viewer(&format!(
                        "{}?w=640&format=webp",
                        pictures::path(NUMBER)
                    ))
                    .named("the same, made from PNG of 1280 × 720")
                    .dear(),
                ],
            )
        },
        function(
            "social",
            vec![
                read("/feed", 20.0),
                read("/notifications", 20.0),
                read("/notifications/count", 20.0),
                read(&format!("/projects/{project}/likes"), 20.0)
                    .named("GET /projects/{projectId}/likes"),
                read(&format!("/projects/{project}/comments"), 20.0)
                    .named("GET /projects/{projectId}/comments"),
                Request::new("PUT", &format!("/projects/{project}/like"), Some(COOKIE))
                    .named("PUT /projects/{projectId}/like")
                    .within(Time::Milliseconds(20.0))
                    .statements(4),
            ],
        ),
        function(
            "auth",
            vec![Request::get_as_viewer("/api/auth/get-session").statements(2)],
        ),
    ]
}
