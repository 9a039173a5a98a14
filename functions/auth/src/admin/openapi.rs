//! The administration's part of the OpenAPI document.

use shared::openapi::{Operation, integer, list, text, words};

use super::{list::UserList, rights::Permission, sessions::Sessions, users::UserAnswer};
use crate::{
    answer::{Done, Success},
    queries::user::User,
    session::SessionAnswer,
};

mod bodies {
    #![expect(dead_code, reason = "only their schemas are used")]

    use std::collections::BTreeMap;

    use shared::time::Timestamp;
    use utoipa::ToSchema;

    /// A user by their id.
    #[derive(ToSchema)]
    #[schema(as = AuthAdminUserId, rename_all = "camelCase")]
    pub struct UserId {
        pub user_id: String,
    }

    /// A user to be made.
    #[derive(ToSchema)]
    #[schema(as = AuthAdminCreateUser)]
    pub struct CreateUser {
        pub email: String,
        pub name: String,
        #[schema(nullable = false, max_length = 128)]
        pub password: Option<String>,
        /// One or several.
        #[schema(nullable = false)]
        pub role: Option<Roles>,
        #[schema(nullable = false)]
        pub data: Option<Data>,
    }

    /// One role, or several.
    #[derive(ToSchema)]
    #[schema(as = AuthAdminRoles)]
    #[serde(untagged)]
    pub enum Roles {
        One(String),
        Several(Vec<String>),
    }

    /// What an admin sets of a user.
    #[derive(ToSchema)]
    #[schema(as = AuthAdminUserData, rename_all = "camelCase")]
    pub struct Data {
        #[schema(nullable = false)]
        pub name: Option<String>,
        #[schema(nullable = false)]
        pub email: Option<String>,
        #[schema(nullable = false)]
        pub email_verified: Option<bool>,
        pub image: Option<String>,
        #[schema(nullable = false)]
        pub role: Option<Roles>,
        pub banned: Option<bool>,
        pub ban_reason: Option<String>,
        pub ban_expires: Option<Timestamp>,
        /// Whether the user may use the application, and is seen in it.
        #[schema(nullable = false)]
        pub is_active: Option<bool>,
        #[schema(nullable = false)]
        pub is_pro: Option<bool>,
    }

    /// Changes of a user.
    #[derive(ToSchema)]
    #[schema(as = AuthAdminUpdateUser, rename_all = "camelCase")]
    pub struct UpdateUser {
        pub user_id: String,
        pub data: Data,
    }

    /// A user's new role.
    #[derive(ToSchema)]
    #[schema(as = AuthAdminSetRole, rename_all = "camelCase")]
    pub struct SetRole {
        pub user_id: String,
        pub role: Roles,
    }

    /// A ban.
    #[derive(ToSchema)]
    #[schema(as = AuthAdminBan, rename_all = "camelCase")]
    pub struct NewBan {
        pub user_id: String,
        /// "No reason" by default.
        #[schema(nullable = false)]
        pub ban_reason: Option<String>,
        /// Seconds; for ever by default.
        #[schema(nullable = false)]
        pub ban_expires_in: Option<f64>,
    }

    /// A session of somebody's.
    #[derive(ToSchema)]
    #[schema(as = AuthAdminSessionToken, rename_all = "camelCase")]
    pub struct SessionToken {
        pub session_token: String,
    }

    /// A user's new password.
    #[derive(ToSchema)]
    #[schema(as = AuthAdminPassword, rename_all = "camelCase")]
    pub struct Password {
        pub user_id: String,
        #[schema(min_length = 8, max_length = 128)]
        pub new_password: String,
    }

    /// Actions by resource.
    #[derive(ToSchema)]
    #[schema(as = AuthPermissionQuestion)]
    pub struct Question {
        pub permissions: BTreeMap<String, Vec<String>>,
    }
}

/// One operation for each route.
pub fn operations() -> Vec<Operation> {
    [users(), bans(), sessions()].concat()
}

/// For admins; others are told 401 with an empty body, or 403.
fn staff(operation: Operation) -> Operation {
    operation.signed_in().fails_empty(&[401]).fails(&[403])
}

fn users() -> Vec<Operation> {
    const COLUMN: &str = "A column of the user; with an unknown one nobody is found";
    vec![
        staff(Operation::get(
            "/api/auth/admin/list-users",
            "adminListUsers",
        ))
        .summary("Find users, with their e-mail addresses")
        .query("searchValue", "What the column holds", text())
        .query(
            "searchField",
            "`email` by default",
            words(&["email", "name"]),
        )
        .query(
            "searchOperator",
            "`contains` by default",
            words(&["contains", "starts_with", "ends_with"]),
        )
        .query("limit", "100 by default", integer(1, 1000))
        .query(
            "offset",
            "How many to leave out",
            integer(0, i32::MAX.into()),
        )
        .query("sortBy", COLUMN, text())
        .query("sortDirection", "`asc` by default", words(&["asc", "desc"]))
        .query("filterField", COLUMN, text())
        .query("filterValue", "Several for `in` and `not_in`", list(text()))
        .query(
            "filterOperator",
            "`eq` by default",
            words(&[
                "eq",
                "ne",
                "lt",
                "lte",
                "gt",
                "gte",
                "in",
                "not_in",
                "contains",
                "starts_with",
                "ends_with",
            ]),
        )
        .json::<UserList>(200)
        .optional::<UserList>(&["limit", "offset"]),
        staff(Operation::get("/api/auth/admin/get-user", "adminGetUser"))
            .summary("A user, with the e-mail address")
            .required_query("id", "The user's id", text())
            .json::<User>(200)
            .fails(&[404]),
        staff(Operation::post(
            "/api/auth/admin/create-user",
            "adminCreateUser",
        ))
        .summary("Make a user")
        .body::<bodies::CreateUser>()
        .json::<UserAnswer>(200),
        staff(Operation::post(
            "/api/auth/admin/update-user",
            "adminUpdateUser",
        ))
        .summary("Change a user")
        .description("`banned: true` ends the user's sessions. Unknown columns are ignored.")
        .body::<bodies::UpdateUser>()
        .json::<User>(200)
        .fails(&[404]),
        staff(Operation::post("/api/auth/admin/set-role", "adminSetRole"))
            .summary("Give a user other roles")
            .body::<bodies::SetRole>()
            .json::<UserAnswer>(200)
            .fails(&[404]),
        staff(Operation::post(
            "/api/auth/admin/remove-user",
            "adminRemoveUser",
        ))
        .summary("Delete a user and everything that is theirs")
        .body::<bodies::UserId>()
        .json::<Success>(200)
        .fails(&[404]),
        staff(Operation::post(
            "/api/auth/admin/set-user-password",
            "adminSetUserPassword",
        ))
        .summary("Set a user's password")
        .description("Signing in with one is off.")
        .body::<bodies::Password>()
        .json::<Done>(200)
        .fails(&[404]),
        Operation::post("/api/auth/admin/has-permission", "hasPermission")
            .summary("Whether you may do something to users")
            .signed_in()
            .body::<bodies::Question>()
            .json::<Permission>(200)
            .fails_empty(&[401]),
    ]
}

fn bans() -> Vec<Operation> {
    vec![
        staff(Operation::post("/api/auth/admin/ban-user", "adminBanUser"))
            .summary("Ban a user, and end their sessions")
            .body::<bodies::NewBan>()
            .json::<UserAnswer>(200)
            .fails(&[404]),
        staff(Operation::post(
            "/api/auth/admin/unban-user",
            "adminUnbanUser",
        ))
        .summary("Lift a ban")
        .body::<bodies::UserId>()
        .json::<UserAnswer>(200)
        .fails(&[404]),
    ]
}

fn sessions() -> Vec<Operation> {
    vec![
        staff(Operation::post(
            "/api/auth/admin/list-user-sessions",
            "adminListUserSessions",
        ))
        .summary("A user's sessions")
        .body::<bodies::UserId>()
        .json::<Sessions>(200),
        staff(Operation::post(
            "/api/auth/admin/revoke-user-session",
            "adminRevokeUserSession",
        ))
        .summary("End somebody's session")
        .body::<bodies::SessionToken>()
        .json::<Success>(200),
        staff(Operation::post(
            "/api/auth/admin/revoke-user-sessions",
            "adminRevokeUserSessions",
        ))
        .summary("End all sessions of a user")
        .body::<bodies::UserId>()
        .json::<Success>(200),
        staff(Operation::post(
            "/api/auth/admin/impersonate-user",
            "adminImpersonateUser",
        ))
        .summary("Act in a user's name for an hour")
        .description("Not in an admin's.")
        .body::<bodies::UserId>()
        .json::<SessionAnswer>(200)
        .fails(&[404]),
        Operation::post("/api/auth/admin/stop-impersonating", "stopImpersonating")
            .summary("Return to your own session")
            .signed_in()
            .json::<SessionAnswer>(200)
            .fails_empty(&[401]),
    ]
}
