//! SQL of the users function.

mod account;
mod contributions;
mod facets;
mod users;

pub use account::{delete_account, update_profile};
pub use contributions::find_contributions;
pub use facets::{FacetRow, list_facets};
pub use users::{
    UserFilter, find_user, find_user_by_github, list_most_followed_users, list_newest_users,
    list_suggested_users,
};
