//! Passwords. They are stored as the Node server stores them, and signing in with them is switched off.

use scrypt::{Params, scrypt};
use shared::{http::blocking, random};
use unicode_normalization::UnicodeNormalization;

use super::{
    audit::{audit, user_not_found},
    rights,
};
use crate::{
    answer,
    error::{Error, Result},
    fields::{AuthBody, Fields, any_id, text},
    queries,
    request::CallWith,
};

/// In UTF-16 units, as JavaScript counts (Better Auth 1.7: `minPasswordLength`, `maxPasswordLength`).
const MIN_LENGTH: usize = 8;
pub const MAX_LENGTH: usize = 128;

const HEX: &[u8] = b"0123456789abcdef";
/// 16 bytes in hex.
const SALT_LENGTH: usize = 32;

/// A user's new password.
pub struct UserPassword {
    user_id: String,
    new_password: String,
}

impl AuthBody for UserPassword {
    const NAME: &'static str = "AuthAdminPassword";
    const ABOUT: &'static str = "A user's new password.";

    fn read(fields: &mut Fields<'_>) -> Self {
        let new_password = fields.required(
            "newPassword",
            text().documented_length(Some(MIN_LENGTH), MAX_LENGTH),
        );
        if fields.raw("newPassword").is_some_and(|value| value == "") {
            fields.reject("newPassword", "newPassword cannot be empty");
        }
        let user_id = fields.required("userId", any_id());
        if fields.raw("userId").is_some() && user_id.is_empty() {
            fields.reject("userId", "userId cannot be empty");
        }
        Self {
            user_id,
            new_password,
        }
    }
}

/// `POST /api/auth/admin/set-user-password`
pub async fn set_password(CallWith(call, body): CallWith<UserPassword>) -> Result {
    let UserPassword {
        user_id,
        new_password,
    } = body;
    let admin = call.staff(&rights::SET_PASSWORD).await?;
    check_password_length(&new_password)?;
    let db = &call.auth.app.db;
    // The hash takes long, so the user is looked up first.
    queries::user::find(db, &user_id)
        .await?
        .ok_or_else(user_not_found)?;
    let hash = hash(new_password).await?;
    let mut tx = db.begin().await?;
    queries::user::lock(&mut tx, &user_id).await?;
    queries::admin::upsert_password(&mut tx, &user_id, &hash).await?;
    tx.commit().await?;
    audit(&admin.user.id, "user.set-password", Some(&user_id));
    Ok(answer::done())
}

/// Rejects a new password that is too short or too long with 400.
pub fn check_password_length(password: &str) -> Result<()> {
    check_length(password, MIN_LENGTH)
}

/// Rejects a password that is shorter than `min`, or too long, with 400.
pub fn check_length(password: &str, min: usize) -> Result<()> {
    let length = password.encode_utf16().count();
    if length < min {
        return Err(Error::bad_request(
            "PASSWORD_TOO_SHORT",
            "Password too short",
        ));
    }
    if length > MAX_LENGTH {
        return Err(Error::bad_request("PASSWORD_TOO_LONG", "Password too long"));
    }
    Ok(())
}

/// Returns `SALT:HASH` as Better Auth stores it. Hashing takes long, so it runs on a thread of its own.
pub async fn hash(password: String) -> Result<String> {
    let hashed = blocking(move || {
        let salt = random::text(SALT_LENGTH, HEX);
        derive(&password, &salt).map(|key| format!("{salt}:{key}"))
    });
    let hashed = hashed.await.map_err(Error::Other)?;
    hashed.map_err(|error| Error::Other(shared::http::Error::Internal(error)))
}

/// Returns the hash of scrypt with the parameters of Better Auth 1.7, in hex.
fn derive(password: &str, salt: &str) -> anyhow::Result<String> {
    const LOG_N: u8 = 14;
    const R: u32 = 16;
    const P: u32 = 1;
    let normalized: String = password.nfkc().collect();
    let mut key = [0; 64];
    let params = Params::new(LOG_N, R, P)?;
    scrypt(normalized.as_bytes(), salt.as_bytes(), &params, &mut key)?;
    Ok(hex::encode(key))
}

#[cfg(test)]
mod tests {
    use super::derive;

    /// Made by `hashPassword` of `@better-auth/utils` 0.5.1.
    #[test]
    fn hashes_are_better_auths() {
        let salt = "00112233445566778899aabbccddeeff";
        for (password, expected) in VECTORS {
            assert_eq!(derive(password, salt).unwrap(), expected, "{password}");
        }
    }

    const VECTORS: [(&str, &str); 2] = [
        (
            "correct horse",
            "13af89ff6a88bb0fb3277e79ba724c6c0731b15919ca892969d63abd1534b867\
             d110179e3bc8af39995ede0f9b2ac14b2b97573df10ba3802c498dbeb61e4f64",
        ),
        (
            "ﬁancé\u{301}e Ⅸ",
            "7e494aaf1ac52e1f51a76570ab854168369f32f8fb04b1eb8b43ec249ef9359c\
             eb13bdcfa7ed4fb50eaddc1c10f114eec563e3bf72c31f6f9d1b7240dd5550c3",
        ),
    ];
}
