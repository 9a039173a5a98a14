//! Every endpoint, with its description for the OpenAPI document.

use shared::http::{
    Route,
    describe::{boolean, integer, list, text, words},
    get, post, topic,
};

use crate::{
    account::{
        self, AccessTokenAnswer, AccountAnswer, AccountInfo, AccountInfoUser, RefreshedTokens,
    },
    admin::{self, Permission, Sessions, UserAnswer, UserList},
    answer::{Done, Success},
    api_key::{self, CreatedKey, KeyList},
    callback, disabled,
    pages::{self, Alive},
    queries::{api_key::ApiKey, session::Session, user::User},
    session::{self, SessionAnswer, SignedOut},
    sign_in::{self, IdTokenLink, IdTokenSignIn, StartedFlow},
    state::AuthState,
    user,
};

type AuthRoute = Route<AuthState>;

/// Returns all endpoints.
pub fn all() -> Vec<AuthRoute> {
    let administration = [administration(), bans(), others_sessions()].concat();
    [
        topic(
            "Sign-in and sessions",
            [sign_in(), sessions(), users()].concat(),
        ),
        topic("Linked accounts", accounts()),
        topic("API keys", api_keys()),
        topic("Administration", administration),
        topic("Service", page_routes()),
        topic("Switched off", switched_off()),
    ]
    .concat()
}

fn sign_in() -> Vec<AuthRoute> {
    let callback = |route: AuthRoute| {
        route
            .path_parameter(
                "provider",
                "The provider that redirects the browser",
                || words(&["github", "google"]),
            )
            .redirect()
    };
    vec![
        post("signInSocial", "/api/auth/sign-in/social", sign_in::social)
            .summary("Starts a sign-in with GitHub or Google")
            .description(
                "Returns the address of the provider, to which the browser goes. After the sign-in the browser is sent to \
                 `callbackURL`, and after an error to `errorCallbackURL` with the code in `error`. Both must be relative or \
                 of a trusted origin. With `idToken`, signs in at once with an id token of Google.",
            )
            .json_either::<StartedFlow, IdTokenSignIn>(200)
            .fails(&[401, 404]),
        callback(get(
            "finishSignIn",
            "/api/auth/callback/{provider}",
            callback::finish,
        ))
        .summary("Finishes a sign-in after the provider's redirect")
        .query("code", "Authorization code of the provider", || text(None, None))
        .query("state", "State of the sign-in, from the provider's address", || text(None, None))
        .query("error", "Code of the provider's error", || {
            text(None, None)
        })
        .query("error_description", "Description of the error", || {
            text(None, None)
        }),
        callback(post(
            "forwardSignIn",
            "/api/auth/callback/{provider}",
            callback::forward,
        ))
        .summary("Forwards a provider's form to the GET callback"),
        post("signOut", "/api/auth/sign-out", session::sign_out)
            .summary("Signs out: ends the session")
            .json::<SignedOut>(200),
    ]
}

fn sessions() -> Vec<AuthRoute> {
    let refreshing = |route: AuthRoute| {
        route.query(
            "disableRefresh",
            "`true` does not extend the session",
            boolean,
        )
    };
    vec![
        refreshing(get("getSession", "/api/auth/get-session", session::show))
            .summary("Returns your session and user, or null")
            .query("disableCookieCache", "Has no effect", boolean)
            .json_or_null::<SessionAnswer>(200)
            .fails(&[401]),
        refreshing(get(
            "requireSession",
            "/api/auth/session",
            session::show_or_refuse,
        ))
        .summary("Returns your session and user, or 401")
        .signed_in()
        .json::<SessionAnswer>(200),
        get("listSessions", "/api/auth/list-sessions", session::list)
            .summary("Lists your sessions")
            .description("The session must be younger than 24 hours.")
            .signed_in()
            .list::<Session>()
            .fails(&[403]),
        post("revokeSession", "/api/auth/revoke-session", session::revoke)
            .summary("Ends one of your sessions")
            .signed_in()
            .json::<Done>(200),
        post(
            "revokeSessions",
            "/api/auth/revoke-sessions",
            session::revoke_all,
        )
        .summary("Ends all of your sessions, this one included")
        .signed_in()
        .json::<Done>(200),
        post(
            "revokeOtherSessions",
            "/api/auth/revoke-other-sessions",
            session::revoke_others,
        )
        .summary("Ends all of your sessions but this one")
        .signed_in()
        .json::<Done>(200),
    ]
}

fn users() -> Vec<AuthRoute> {
    vec![
        post("updateUser", "/api/auth/update-user", user::update)
            .summary("Updates your name or image")
            .signed_in()
            .json::<Done>(200),
    ]
}

fn accounts() -> Vec<AuthRoute> {
    vec![
        get("listAccounts", "/api/auth/list-accounts", account::list)
            .summary("Lists your accounts at the providers")
            .signed_in()
            .list::<AccountAnswer>(),
        post("linkAccount", "/api/auth/link-social", sign_in::link_social)
            .summary("Starts linking an account at another provider")
            .signed_in()
            .json_either::<StartedFlow, IdTokenLink>(200)
            .fails(&[404, 409]),
        post("unlinkAccount", "/api/auth/unlink-account", account::unlink)
            .summary("Unlinks an account")
            .description(
                "The last account cannot be unlinked. The session must be younger than 24 hours.",
            )
            .signed_in()
            .json::<Done>(200),
        post(
            "getAccessToken",
            "/api/auth/get-access-token",
            account::access_token,
        )
        .summary("Returns a provider's access token, refreshed if it is about to expire")
        .signed_in()
        .json::<AccessTokenAnswer>(200)
        .may_lack::<AccessTokenAnswer>(&["accessTokenExpiresAt", "idToken"])
        .fails_empty(&[401]),
        post("refreshToken", "/api/auth/refresh-token", account::refresh)
            .summary("Refreshes a provider's tokens")
            .signed_in()
            .json::<RefreshedTokens>(200)
            .may_lack::<RefreshedTokens>(&["accessTokenExpiresAt"])
            .fails_empty(&[401]),
        get("getAccountInfo", "/api/auth/account-info", account::info)
            .summary("Returns a provider's data about one of your accounts")
            .signed_in()
            .query("accountId", "Id of the account", || text(None, None))
            .query(
                "providerId",
                "Provider of the account, as older clients send it",
                || text(None, None),
            )
            .json::<AccountInfo>(200)
            .may_lack::<AccountInfoUser>(&["name", "email", "image"]),
    ]
}

/// Endpoints of Better Auth that exist for its client and always fail: passwords and mails are switched off.
fn switched_off() -> Vec<AuthRoute> {
    let off = |route: AuthRoute| {
        route.summary("Always returns 400: passwords and mails are switched off")
    };
    vec![
        off(post(
            "signInEmail",
            "/api/auth/sign-in/email",
            disabled::sign_in,
        )),
        off(post(
            "signUpEmail",
            "/api/auth/sign-up/email",
            disabled::sign_up,
        )),
        off(post(
            "requestPasswordReset",
            "/api/auth/request-password-reset",
            disabled::reset_password,
        )),
        off(post(
            "sendVerificationEmail",
            "/api/auth/send-verification-email",
            disabled::verify_email,
        )),
        off(post(
            "changeEmail",
            "/api/auth/change-email",
            disabled::change_email,
        ))
        .signed_in(),
        off(post(
            "changePassword",
            "/api/auth/change-password",
            disabled::change_password,
        ))
        .signed_in(),
        post("postSession", "/api/auth/get-session", session::refuse_post)
            .summary("Always returns 405: `GET /api/auth/get-session` returns the session")
            .fails(&[405]),
        post(
            "updateSession",
            "/api/auth/update-session",
            user::update_session,
        )
        .summary("Always returns 400: a session has no fields to update")
        .signed_in(),
        post("deleteUser", "/api/auth/delete-user", user::delete)
            .summary("Always returns 404: `DELETE /users/profile` deletes accounts")
            .signed_in()
            .fails_empty(&[404]),
    ]
}

/// For admins; other callers get 401 with an empty body, or 403.
fn for_admins(route: AuthRoute) -> AuthRoute {
    route.signed_in().fails_empty(&[401]).fails(&[403])
}

fn administration() -> Vec<AuthRoute> {
    const COLUMN: &str = "A column of the user; an unknown one matches nobody";
    const MAX: i64 = i32::MAX as i64;
    vec![
        for_admins(get(
            "adminListUsers",
            "/api/auth/admin/list-users",
            admin::list,
        ))
        .summary("Lists users, with their e-mail addresses")
        .query("searchValue", "Text to search for", || text(None, None))
        .query(
            "searchField",
            "Column that is searched; `email` by default",
            || words(&["email", "name"]),
        )
        .query(
            "searchOperator",
            "How the column is compared; `contains` by default",
            || words(&["contains", "starts_with", "ends_with"]),
        )
        .query("limit", "Maximum number of users; 100 by default", || {
            integer(1, 1000)
        })
        .query("offset", "Number of users to skip", || integer(0, MAX))
        .query("sortBy", COLUMN, || text(None, None))
        .query(
            "sortDirection",
            "Direction of the order; `asc` by default",
            || words(&["asc", "desc"]),
        )
        .query("filterField", COLUMN, || text(None, None))
        .query(
            "filterValue",
            "Value to compare with; several for `in` and `not_in`",
            || list(text(None, None), None),
        )
        .query(
            "filterOperator",
            "How the column is compared; `eq` by default",
            || {
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
                ])
            },
        )
        .json::<UserList>(200)
        .may_lack::<UserList>(&["limit", "offset"]),
        for_admins(get("adminGetUser", "/api/auth/admin/get-user", admin::show))
            .summary("Returns a user, with the e-mail address")
            .required_query("id", "Id of the user", || text(None, None))
            .json::<User>(200)
            .fails(&[404]),
        for_admins(post(
            "adminCreateUser",
            "/api/auth/admin/create-user",
            admin::create,
        ))
        .summary("Creates a user")
        .json::<UserAnswer>(200),
        for_admins(post(
            "adminUpdateUser",
            "/api/auth/admin/update-user",
            admin::update,
        ))
        .summary("Updates a user")
        .description("`banned: true` ends the user's sessions. Unknown columns are ignored.")
        .json::<User>(200)
        .fails(&[404])
        .purges_cache(),
        for_admins(post(
            "adminSetRole",
            "/api/auth/admin/set-role",
            admin::set_role,
        ))
        .summary("Sets a user's roles")
        .json::<UserAnswer>(200)
        .fails(&[404]),
        for_admins(post(
            "adminRemoveUser",
            "/api/auth/admin/remove-user",
            admin::remove,
        ))
        .summary("Deletes a user and everything that the user owns")
        .json::<Success>(200)
        .fails(&[404])
        .purges_cache(),
        for_admins(post(
            "adminSetUserPassword",
            "/api/auth/admin/set-user-password",
            admin::set_password,
        ))
        .summary("Sets a user's password")
        .description("Signing in with a password is switched off.")
        .json::<Done>(200)
        .fails(&[404]),
        post(
            "hasPermission",
            "/api/auth/admin/has-permission",
            admin::has_permission,
        )
        .summary("Reports whether you may administer users or sessions")
        .signed_in()
        .json::<Permission>(200)
        .fails_empty(&[401]),
    ]
}

fn bans() -> Vec<AuthRoute> {
    vec![
        for_admins(post("adminBanUser", "/api/auth/admin/ban-user", admin::ban))
            .summary("Bans a user, and ends the user's sessions")
            .json::<UserAnswer>(200)
            .fails(&[404])
            .purges_cache(),
        for_admins(post(
            "adminUnbanUser",
            "/api/auth/admin/unban-user",
            admin::unban,
        ))
        .summary("Lifts a ban")
        .json::<UserAnswer>(200)
        .fails(&[404]),
    ]
}

fn others_sessions() -> Vec<AuthRoute> {
    vec![
        for_admins(post(
            "adminListUserSessions",
            "/api/auth/admin/list-user-sessions",
            admin::list_sessions,
        ))
        .summary("Lists a user's sessions")
        .json::<Sessions>(200),
        for_admins(post(
            "adminRevokeUserSession",
            "/api/auth/admin/revoke-user-session",
            admin::revoke_session,
        ))
        .summary("Ends a user's session")
        .json::<Success>(200),
        for_admins(post(
            "adminRevokeUserSessions",
            "/api/auth/admin/revoke-user-sessions",
            admin::revoke_all_sessions,
        ))
        .summary("Ends all sessions of a user")
        .json::<Success>(200),
        for_admins(post(
            "adminImpersonateUser",
            "/api/auth/admin/impersonate-user",
            admin::impersonate,
        ))
        .summary("Starts a session in a user's name for an hour")
        .description("Admins cannot be impersonated.")
        .json::<SessionAnswer>(200)
        .fails(&[404]),
        post(
            "stopImpersonating",
            "/api/auth/admin/stop-impersonating",
            admin::stop,
        )
        .summary("Returns to your own session")
        .signed_in()
        .json::<SessionAnswer>(200)
        .fails_empty(&[401]),
    ]
}

fn api_keys() -> Vec<AuthRoute> {
    const MAX: i64 = i32::MAX as i64;
    vec![
        post("createApiKey", "/api/auth/api-key/create", api_key::create)
            .summary("Creates an API key")
            .description(
                "Only this response contains the key. You may have 20 keys that have not expired.",
            )
            .signed_in()
            .json::<CreatedKey>(200),
        get("getApiKey", "/api/auth/api-key/get", api_key::show)
            .summary("Returns one of your API keys")
            .signed_in()
            .required_query("id", "Id of the key", || text(None, None))
            .json::<ApiKey>(200)
            .fails(&[404]),
        get("listApiKeys", "/api/auth/api-key/list", api_key::list)
            .summary("Lists your API keys")
            .signed_in()
            .query("limit", "Maximum number of keys; all by default", || {
                integer(0, MAX)
            })
            .query("offset", "Number of keys to skip", || integer(0, MAX))
            .query(
                "sortBy",
                "Property to sort by; oldest first by default",
                || text(None, None),
            )
            .query(
                "sortDirection",
                "Direction of the order; `asc` by default",
                || words(&["asc", "desc"]),
            )
            .json::<KeyList>(200)
            .may_lack::<KeyList>(&["limit", "offset"]),
        post("updateApiKey", "/api/auth/api-key/update", api_key::update)
            .summary("Updates one of your API keys")
            .signed_in()
            .json::<ApiKey>(200)
            .fails(&[404]),
        post("deleteApiKey", "/api/auth/api-key/delete", api_key::delete)
            .summary("Deletes one of your API keys")
            .signed_in()
            .json::<Success>(200)
            .fails(&[404]),
    ]
}

fn page_routes() -> Vec<AuthRoute> {
    vec![
        get("getAuthOk", "/api/auth/ok", pages::ok)
            .summary("Reports whether sign-in is up")
            .json::<Alive>(200),
        get("showAuthError", "/api/auth/error", pages::error)
            .summary("Shows why a sign-in failed that has no error page of its own")
            .query("error", "Code of the error", || text(None, None))
            .query("error_description", "The same in words", || {
                text(None, None)
            })
            .media(200, "text/html")
            .redirect(),
    ]
}
