//! Who calls: a user whose app may use team messaging.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use hookswitch_core::chat::Asker;

use crate::authenticate::Caller;
use crate::problem::ApiError;
use crate::state::Front;

const SCOPE: &str = "TeamMessaging";
/// What it was called before; apps registered then still have it.
const OLDER_SCOPE: &str = "Glip";

/// A user as the store knows them.
pub(super) struct Asking(pub(super) Asker);

impl<S> FromRequestParts<S> for Asking
where
    Front: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let user = &caller.0;
        if !user.has_scope(OLDER_SCOPE) {
            caller.require_scope(SCOPE)?;
        }
        Ok(Self(Asker {
            account: user.account,
            extension: user.extension,
            administrator: user.administrator,
        }))
    }
}
