//! Our own API, `/hookswitch/v1`: publishing, history, operations. Wire formats are in interface.md.

pub mod event_types;
pub mod history;
pub mod operations;
mod publication;
pub mod publish;
pub mod subscriptions;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;

pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(publish::publish))
        .routes(routes!(history::event))
        .routes(routes!(history::list))
        .routes(routes!(history::delivery))
        .routes(routes!(subscriptions::list))
        .routes(routes!(event_types::list))
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
}
