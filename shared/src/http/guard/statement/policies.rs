//! The policies as parameters of a statement.

use crate::http::quota::Policy;

/// The policies as arrays of names and of windows in seconds.
pub(super) struct PolicyColumns<'r> {
    pub user_names: Vec<String>,
    pub user_windows: Vec<i32>,
    pub address_names: Vec<String>,
    pub address_windows: Vec<i32>,
    pub network: &'r str,
}

impl<'r> PolicyColumns<'r> {
    pub fn new(by_user: &[Policy], by_address: &[Policy], network: &'r str) -> Self {
        let (user_names, user_windows) = columns(by_user);
        let (address_names, address_windows) = columns(by_address);
        Self {
            user_names,
            user_windows,
            address_names,
            address_windows,
            network,
        }
    }
}

fn columns(policies: &[Policy]) -> (Vec<String>, Vec<i32>) {
    policies
        .iter()
        .map(|policy| (policy.name.to_owned(), window(policy.quota.seconds)))
        .unzip()
}

/// Returns the length of a window as PostgreSQL's `int`.
pub(super) fn window(seconds: u32) -> i32 {
    i32::try_from(seconds).unwrap_or(i32::MAX)
}
