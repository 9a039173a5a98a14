//! The account that a request selects.

use serde_json::Value;

use crate::{
    fields::{AuthBody, BodyForm, Fields, text},
    queries::account::AccountSelector,
};

/// Name of the schema in the OpenAPI document.
pub const NAME: &str = "AuthAccountSelector";
/// Description of the schema.
pub const ABOUT: &str = "One of your accounts: the id of its row, or its provider and the provider's id of the account.";

impl AuthBody for AccountSelector {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = ABOUT;
    const FORM: BodyForm = BodyForm::Union;

    fn read(fields: &mut Fields<'_>) -> Self {
        // The field is accepted, and the session's user counts.
        fields.undocumented("userId", text());
        let account_id = fields.optional("accountId", text());
        let provider_id = fields.optional("providerId", text());
        let cookie = fields.raw("useAccountCookie");
        let known = ["userId", "accountId", "providerId", "useAccountCookie"];
        let selector = match (provider_id, account_id, cookie) {
            (Some(provider_id), account_id, None) => Some(Self::Provider {
                provider_id,
                account_id,
            }),
            (None, Some(id), None) => Some(Self::Row(id)),
            (None, None, Some(Value::Bool(true))) => Some(Self::Cookie),
            _ => None,
        };
        let selector = selector
            .filter(|_| !fields.has_problems() && fields.names().all(|name| known.contains(&name)));
        selector.unwrap_or_else(|| {
            fields.reject_all();
            Self::Cookie
        })
    }
}
