//! The request that the running task serves.

use std::cell::{Cell, OnceCell};

/// The route of a request that matched none.
pub(super) const NO_ROUTE: &str = "unmatched";

/// The data about a request while it is served.
pub(super) struct CurrentRequest {
    pub request_id: String,
    pub route: Cell<&'static str>,
    pub user_id: OnceCell<String>,
}

impl CurrentRequest {
    pub fn new(request_id: String) -> Self {
        Self {
            request_id,
            route: Cell::new(NO_ROUTE),
            user_id: OnceCell::new(),
        }
    }
}

tokio::task_local! {
    pub(super) static CURRENT: CurrentRequest;
}

/// Records the template of the matched route.
pub fn set_route(route: &'static str) {
    // There is no current request in a test that calls a handler directly.
    let _ = CURRENT.try_with(|current| current.route.set(route));
}

/// Records the user who sent the request. Later calls have no effect.
pub fn set_user(id: &str) {
    let _ = CURRENT.try_with(|current| current.user_id.set(id.to_owned()));
}

/// Returns the `X-Request-Id` of the current request.
pub(super) fn request_id() -> Option<String> {
    CURRENT.try_with(|current| current.request_id.clone()).ok()
}

/// Returns the route template of the current request.
pub(super) fn route() -> Option<&'static str> {
    CURRENT.try_with(|current| current.route.get()).ok()
}
