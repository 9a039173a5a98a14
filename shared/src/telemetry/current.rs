//! The request that the running task serves: what is told of it wherever something happens.

use std::cell::{Cell, OnceCell};

/// The route of a request that no route matched.
pub(super) const NO_ROUTE: &str = "unmatched";

/// What is known of a request while it is being served.
pub(super) struct Current {
    pub request_id: String,
    pub route: Cell<&'static str>,
    pub user_id: OnceCell<String>,
}

impl Current {
    pub fn new(request_id: String) -> Self {
        Self {
            request_id,
            route: Cell::new(NO_ROUTE),
            user_id: OnceCell::new(),
        }
    }
}

tokio::task_local! {
    pub(super) static CURRENT: Current;
}

/// Tells the template of the route that was chosen.
pub fn set_route(route: &'static str) {
    // Outside a request, as in a test of a handler alone, nobody asks.
    let _ = CURRENT.try_with(|current| current.route.set(route));
}

/// Tells whose request it is. The first word counts.
pub fn set_user(id: &str) {
    let _ = CURRENT.try_with(|current| current.user_id.set(id.to_owned()));
}

/// `X-Request-Id` of the request that runs here.
pub(super) fn request_id() -> Option<String> {
    CURRENT.try_with(|current| current.request_id.clone()).ok()
}

/// The template of the route that runs here.
pub(super) fn route() -> Option<&'static str> {
    CURRENT.try_with(|current| current.route.get()).ok()
}
