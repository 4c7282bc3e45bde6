//! Provisioning: accounts, their extensions with users' passwords and credentials, apps and tokens.
//!
//! For admin tokens only. A resource has a file: what it takes and gives, and its handlers. `import` is the
//! bulk upsert, `wire` reads ids and checks texts, `turn` lets writers come one after another and carries
//! them through, `ending` ends what belonged to somebody who is disabled or gone.
//!
//! A PUT changes the members that it names; others stay. What is ended by a change (sessions, tokens,
//! subscriptions) is ended when the answer comes.

mod accounts;
mod apps;
mod credentials;
mod ending;
mod extension;
mod extensions;
mod import;
mod operator;
mod tokens;
mod turn;
mod wire;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::operator::Operator;
pub use self::turn::Turns;
pub(crate) use self::turn::carried_through;
pub(super) use self::wire::text_or;
pub(crate) use self::wire::{Id, Listing, Wrong};
use crate::state::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(accounts::create, accounts::list))
        .routes(routes!(accounts::get, accounts::update, accounts::delete))
        .routes(routes!(extensions::create, extensions::list, import::import))
        .routes(routes!(extensions::get, extensions::update, extensions::delete))
        .routes(routes!(credentials::create, credentials::list))
        .routes(routes!(credentials::delete))
        .routes(routes!(apps::create, apps::list))
        .routes(routes!(apps::get, apps::update, apps::delete))
        .routes(routes!(tokens::create, tokens::list))
        .routes(routes!(tokens::get, tokens::update, tokens::delete))
}
