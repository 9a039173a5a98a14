//! Example requests, from which the events are generated.

/// Token of the session of the sample user Ada.
pub const TOKEN: &str = "SessionOfTheEventsAsAdaLovelace0";
/// Id of an API key of Ada.
pub const API_KEY: &str = "key-of-the-events";

/// An example request for one operation.
pub struct Example {
    /// The `operationId` in the OpenAPI document.
    pub operation: &'static str,
    /// Status of the response to Ada, who is an admin.
    pub status: u16,
    /// Query string, or an empty string.
    pub query: &'static str,
    /// JSON text, or an empty string.
    pub body: &'static str,
}

/// Placeholders in paths, queries and bodies, and their values.
pub const NAMES: [(&str, &str); 8] = [
    // Grace. Ada follows her.
    ("{userId}", "70b14052baccc4c99907406257eef1c5"),
    ("{githubUsername}", "ada"),
    // One of Ada's projects, and her comment on it.
    ("{projectId}", "68a48359e77ac6063a7cd2c2790a3d7a"),
    ("{commentId}", "1d1fef9ba2654af2346074d798e9d60f"),
    // A file that nobody has.
    ("{uploadId}", "3d1c2f0b-5a94-4f6e-9d0e-6a2b7c8d9e0f"),
    ("{provider}", "github"),
    ("{token}", TOKEN),
    ("{apiKey}", API_KEY),
];

const fn get(operation: &'static str, status: u16, query: &'static str) -> Example {
    Example {
        operation,
        status,
        query,
        body: "",
    }
}

const fn send(operation: &'static str, status: u16, body: &'static str) -> Example {
    Example {
        operation,
        status,
        query: "",
        body,
    }
}

/// Examples in the order of the OpenAPI document. An operation needs one in three cases: its request has a query, the
/// example of its body in the document is not good enough, or the response to Ada is an error.
#[rustfmt::skip]
pub const EXAMPLES: &[Example] = &[
    // The sample account has no access token, so GitHub cannot be called. `getAccessToken` returns an empty token.
    get("getAccountInfo", 400, "providerId=github"),
    send("adminBanUser", 200, r#"{"userId": "{userId}", "banReason": "Spam", "banExpiresIn": 86400}"#),
    send("adminCreateUser", 200, r#"{"email": "mary@example.com", "name": "Mary Jackson"}"#),
    get("adminGetUser", 200, "id={userId}"),
    send("hasPermission", 200, r#"{"permissions": {"user": ["list", "ban"]}}"#),
    send("adminImpersonateUser", 200, r#"{"userId": "{userId}"}"#),
    send("adminListUserSessions", 200, r#"{"userId": "{userId}"}"#),
    get("adminListUsers", 200, "searchValue=ada&searchField=name&limit=10"),
    send("adminRemoveUser", 200, r#"{"userId": "{userId}"}"#),
    send("adminRevokeUserSession", 200, r#"{"sessionToken": "{token}"}"#),
    send("adminRevokeUserSessions", 200, r#"{"userId": "{userId}"}"#),
    send("adminSetRole", 200, r#"{"userId": "{userId}", "role": "moderator"}"#),
    send("adminSetUserPassword", 200, r#"{"userId": "{userId}", "newPassword": "nanoseconds in a wire"}"#),
    // The session impersonates nobody.
    send("stopImpersonating", 400, ""),
    send("adminUnbanUser", 200, r#"{"userId": "{userId}"}"#),
    send("adminUpdateUser", 200, r#"{"userId": "{userId}", "data": {"name": "Rear Admiral Hopper"}}"#),
    send("createApiKey", 200, r#"{"name": "deploy", "metadata": {"scopes": ["read"]}}"#),
    send("deleteApiKey", 200, r#"{"keyId": "{apiKey}"}"#),
    get("getApiKey", 200, "id={apiKey}"),
    send("updateApiKey", 200, r#"{"keyId": "{apiKey}", "name": "renamed"}"#),
    get("finishSignIn", 302, "code=4f2a9c1b&state=7HlUGA-kT4d2sGSlmARsugOtJGcKauNo"),
    send("forwardSignIn", 302, r#"{"code": "4f2a9c1b", "state": "7HlUGA-kT4d2sGSlmARsugOtJGcKauNo"}"#),
    // Changing the e-mail address is disabled.
    send("changeEmail", 400, r#"{"newEmail": "countess@example.com"}"#),
    send("changePassword", 400, r#"{"currentPassword": "analytical", "newPassword": "difference engine"}"#),
    send("deleteUser", 404, ""),
    // In production it redirects to the front page.
    get("showAuthError", 302, "error=access_denied"),
    send("getAccessToken", 200, r#"{"providerId": "github"}"#),
    send("postSession", 405, ""),
    send("linkAccount", 200, r#"{"provider": "google", "callbackURL": "https://codecave.tech/settings"}"#),
    send("refreshToken", 400, r#"{"providerId": "github"}"#),
    send("requestPasswordReset", 400, r#"{"email": "ada@example.com"}"#),
    send("revokeSession", 200, r#"{"token": "{token}"}"#),
    send("sendVerificationEmail", 400, r#"{"email": "ada@example.com"}"#),
    send("signInEmail", 400, r#"{"email": "ada@example.com", "password": "analytical"}"#),
    send("signInSocial", 200, r#"{"provider": "github", "callbackURL": "https://codecave.tech/welcome"}"#),
    send("signUpEmail", 400, r#"{"name": "Mary Jackson", "email": "mary@example.com", "password": "wind tunnel"}"#),
    // The last account cannot be unlinked.
    send("unlinkAccount", 400, r#"{"providerId": "github"}"#),
    send("updateSession", 400, "{}"),
    send("updateUser", 200, r#"{"name": "Augusta Ada King"}"#),
    get("getComment", 200, "include=contentHtml"),
    send("updateComment", 200, r#"{"content": "It does, since yesterday."}"#),
    get("listFeed", 200, "limit=10"),
    get("getImage", 404, "w=640&format=webp"),
    get("listNotifications", 200, "unread=true&limit=10"),
    get("listProjects", 200, "tag=rust&tag=history&limit=2"),
    send("createProject", 201, r#"{"title": "Difference Engine", "description": "Tables without errors", "content": "It **prints**, too.", "tags": ["rust", "history"], "language": "Rust"}"#),
    get("listProjectFacets", 200, "language=Rust"),
    get("getProject", 200, "include=contentHtml"),
    send("updateProject", 200, r#"{"title": "Analytical Engine, emulated", "language": null}"#),
    get("listComments", 200, "sort=oldest&limit=10"),
    send("createComment", 201, r#"{"content": "Note G is next."}"#),
    get("testSentryError", 500, ""),
    send("createUpload", 201, r#"{"purpose": "avatar", "filename": "ada.png", "contentType": "image/png", "size": 48213}"#),
    send("deleteUpload", 404, ""),
    get("getUpload", 404, ""),
    send("completeUpload", 404, ""),
    get("getUploadContent", 404, ""),
    get("listUsers", 200, "q=a&skill=Rust&limit=10"),
    get("listUserFacets", 200, "prefix=R"),
    send("updateProfile", 200, r#"{"bio": "Grüße aus Köln 👋"}"#),
    get("getContributions", 200, "from=2025-01-01&to=2025-01-31"),
];
