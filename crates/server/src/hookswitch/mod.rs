//! Our own API, `/hookswitch/v1`: publishing, history, provisioning, operations. Wire formats are in interface.md.

pub mod audit;
mod company;
mod dev;
pub mod event_types;
pub mod history;
pub mod operations;
pub mod provisioning;
mod publication;
pub mod publish;
pub mod subscriptions;
pub mod trigger;
pub mod usage;
mod violations;

use std::sync::Arc;

pub(crate) use self::provisioning::{Id, Listing, Wrong, carried_through};
pub use self::provisioning::{Operator, Turns};
pub use self::violations::Violations;
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
        .routes(routes!(event_types::asyncapi))
        .routes(routes!(trigger::trigger))
        .merge(provisioning::routes())
        .routes(routes!(usage::list))
        .routes(routes!(audit::list))
        .merge(dev::routes())
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
}
