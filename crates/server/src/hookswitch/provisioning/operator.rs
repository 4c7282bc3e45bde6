//! Who operates the server: the holder of an admin token, by the name that the audit log shows.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use hookswitch_store::provisioning::Actor;

use crate::authenticate::{bearer, hash_token};
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::state::App;

/// The extractor for what only operators may do.
pub struct Operator {
    token: i64,
    name: String,
}

impl Operator {
    pub(crate) fn acts(&self, app: &App) -> Actor {
        Actor { token: Some(self.token), name: self.name.clone(), at: app.handles.now() }
    }
}

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let Principal::Admin = Principal::from_request_parts(parts, app).await? else {
            return Err(ApiError::permission("Admin"));
        };
        let hash = hash_token(bearer(&parts.headers)?);
        // Withdrawn in this very moment.
        let entry = app.provisioning.service_token_by_hash(hash).await?;
        let entry = entry.ok_or_else(|| ApiError::permission("Admin"))?;
        Ok(Self { token: entry.no, name: entry.name })
    }
}
