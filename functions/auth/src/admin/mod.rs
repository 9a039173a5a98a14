//! Administration of users (Better Auth's admin plugin 1.7).

mod account_work;
mod audit;
mod bans;
mod changes;
mod impersonation;
mod list;
mod password;
mod rights;
mod sessions;
mod user_id;
mod users;

pub use bans::{ban, unban};
pub use impersonation::{impersonate, stop};
pub use list::{UserList, list};
pub use password::{check_password_length, set_password};
pub use rights::{Permission, has_permission};
pub use sessions::{Sessions, list_sessions, revoke_all_sessions, revoke_session};
pub use users::{UserAnswer, create, remove, set_role, show, update};
