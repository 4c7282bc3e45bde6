//! The HTTP API as one router and, from the same lines, one OpenAPI 3.1 document.
//!
//! How a handler gets in: annotate it with `#[utoipa::path(method, path = "…", tag = "…",
//! operation_id = "…", responses(…))]`, derive `utoipa::ToSchema` for what it takes and gives, name it in
//! its module's `routes()` as `.routes(routes!(handler))` (handlers that share a path in one `routes!`),
//! and merge that `routes()` in `api` below. A module whose handlers need only the directory is generic
//! over the state, as `oauth::routes` is; others are `OpenApiRouter<Arc<App>>`. Errors are `ApiError`;
//! what every call may answer (400, 401, 403, 404) is described once, here.
//!
//! The document is served at `/openapi.json`. A copy is committed as `openapi.json`; a test keeps it
//! fresh, and `UPDATE_OPENAPI=1` lets that test write it.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use crate::headers;
use crate::state::{App, Front};
use crate::{conference, hookswitch, oauth, restapi, team_messaging, webinar};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hookswitch",
        description = "Event notifications of a communications platform: subscribe, publish, deliver.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Security),
    security(("bearer" = [])),
    components(schemas(crate::problem::ErrorBody)),
    tags(
        (name = "oauth", description = "Tokens"),
        (name = "directory", description = "Accounts and their extensions"),
        (name = "subscriptions", description = "Who wants which events"),
        (name = "team messaging", description = "Chats, teams, posts and cards"),
        (name = "team messaging, older paths", description = "The same under the paths that it had before"),
        (name = "incoming webhooks", description = "Where third parties post into chats"),
        (name = "conference", description = "Where conference events go, for operators"),
        (name = "publish", description = "Events in"),
        (name = "history", description = "What became of events"),
        (name = "catalogue", description = "Which events there are"),
        (name = "provisioning", description = "Accounts, extensions, apps and tokens, for operators"),
        (name = "operations", description = "Health and figures"),
    )
)]
struct Base;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let scheme = |scheme, about: &str| {
            SecurityScheme::Http(HttpBuilder::new().scheme(scheme).description(Some(about)).build())
        };
        components.add_security_scheme(
            "bearer",
            scheme(HttpAuthScheme::Bearer, "A token of a user, a publisher or an operator"),
        );
        components
            .add_security_scheme("client", scheme(HttpAuthScheme::Basic, "Client id and secret of an app"));
    }
}

/// Every path of the API with its handler and its description.
pub fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Base::openapi())
        .merge(oauth::routes())
        .merge(restapi::routes())
        .merge(restapi::subscription::routes())
        .merge(webinar::routes())
        .merge(team_messaging::routes())
        .merge(hookswitch::routes())
        .merge(conference::routes())
}

/// The document that describes `api`.
pub fn document() -> utoipa::openapi::OpenApi {
    api().split_for_parts().1
}

/// The document as it is served and committed.
pub fn document_text() -> String {
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// The whole server as a router, front door included.
pub fn router(app: Arc<App>) -> Router {
    let front = app.front.clone();
    complete(api(), front, app)
}

/// A router of some paths with everything around them: the document, the answers to unknown paths and
/// methods, the front door.
pub(crate) fn complete<S>(paths: OpenApiRouter<S>, front: Front, state: S) -> Router
where
    S: Clone + Send + Sync + 'static,
{
    let (routes, document) = paths.split_for_parts();
    // Made once; cloning shares it.
    let document = Bytes::from(document.to_json().unwrap_or_default());
    let json = [(header::CONTENT_TYPE, "application/json")];
    let routes = routes
        .route("/openapi.json", get(move || async move { (json, document).into_response() }))
        .fallback(headers::unknown_path)
        .method_not_allowed_fallback(headers::unknown_method)
        .with_state(state);
    headers::front_door(front, routes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");
        let fresh = document_text();
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(path, &fresh).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == fresh,
            "openapi.json is stale: run this test with UPDATE_OPENAPI=1 and look at the difference"
        );
    }

    #[test]
    fn every_operation_has_an_id_of_its_own_and_a_tag() {
        let document = document();
        let mut ids = Vec::new();
        for (path, item) in &document.paths.paths {
            let operations = [&item.get, &item.post, &item.put, &item.delete, &item.patch];
            for operation in operations.into_iter().flatten() {
                assert!(operation.tags.as_ref().is_some_and(|tags| !tags.is_empty()), "{path} has no tag");
                ids.push(operation.operation_id.clone().unwrap_or_default());
            }
        }
        assert!(!ids.is_empty());
        ids.sort();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count, "two operations share an id");
    }
}
