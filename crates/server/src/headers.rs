//! The front door: what happens to every request before it is routed and to every answer after.
//!
//! In: dev mode's Host and Origin check, one spelling for paths (no trailing slash, no alias prefix),
//! method override, `?access_token=` moved to a header so that no log shows it, bodies announced too
//! large refused. Out: the headers that clients of the REST trees read (contract.md §10).
//!
//! CORS (D26) belongs here too, between the checks and the routing.

mod rate_group;
mod request;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use http::header::{CONTENT_LANGUAGE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use tower::{Service, ServiceExt};

use crate::problem::ApiError;
use crate::state::Front;
use rate_group::RateGroup;

const REQUEST_ID: HeaderName = HeaderName::from_static("rcrequestid");
const ROUTING_KEY: HeaderName = HeaderName::from_static("routingkey");
/// The site that answered, in the form of the hosted platform's tags.
const SITE: HeaderValue = HeaderValue::from_static("HSW01P01");

/// Puts the front door before `routes`.
pub fn front_door(front: Front, routes: Router) -> Router {
    // Bodies have limits of their own, by path.
    let routes = routes.layer(DefaultBodyLimit::disable());
    Router::new().fallback_service(FrontDoor { front, routes })
}

#[derive(Clone)]
struct FrontDoor {
    front: Front,
    routes: Router,
}

impl Service<Request<Body>> for FrontDoor {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let prepared = request::prepare(&self.front, &mut request);
        let group = RateGroup::of(request.method(), request.uri().path());
        let routes = self.routes.clone();
        let front = self.front.clone();
        Box::pin(async move {
            let mut response = match prepared {
                Ok(()) => route(routes, request).await,
                Err(error) => error.into_response(),
            };
            decorate(&front, group, response.headers_mut());
            Ok(response)
        })
    }
}

async fn route(routes: Router, request: Request<Body>) -> Response<Body> {
    match routes.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// What no route answers.
pub async fn unknown_path(method: Method, uri: http::Uri) -> ApiError {
    let message = format!("There is no {method} {}", uri.path());
    ApiError::new(http::StatusCode::NOT_FOUND, "CMN-120", message)
}

/// What a route answers to other methods; axum adds `Allow`.
pub async fn unknown_method(method: Method, uri: http::Uri) -> ApiError {
    let message = format!("{} does not take {method}", uri.path());
    ApiError::new(http::StatusCode::METHOD_NOT_ALLOWED, "CMN-120", message)
}

fn decorate(front: &Front, group: Option<RateGroup>, headers: &mut HeaderMap) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let id = front.handles.uuid_v4().hyphenated().encode_lower(&mut text);
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(ROUTING_KEY, SITE);
    if let Some(group) = group {
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en-US"));
        group.write(headers);
    }
}

#[cfg(test)]
mod tests;
