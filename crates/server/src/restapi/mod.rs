//! The REST trees of the platform, `/restapi/v1.0` and what hangs beside it (contract.md §2, §3).

pub mod directory;
mod extension_list;
pub mod subscription;

use axum::extract::FromRef;
use utoipa_axum::router::OpenApiRouter;

use crate::state::Front;

pub fn routes<S>() -> OpenApiRouter<S>
where
    Front: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    OpenApiRouter::new().merge(directory::routes())
}
