//! The front door: what happens to every request before it is routed and to every answer after.
//!
//! In: Host is there, dev mode's check of it and of Origin, methods that nobody knows and queries that nobody reads
//! refused, one spelling for paths (no trailing slash, no alias prefix),
//! method override, `?access_token=` moved to a header so that no log shows it, bodies announced too
//! large refused, rate limits where they are enforced, faults of development mode. Out: the headers that clients of the REST trees
//! read (contract.md §10), and those of CORS.

mod client_address;
mod cors;
mod faulty;
mod rate_group;
pub(crate) mod rates;
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
use cors::CrossOrigin;
use rate_group::RateGroup;
use rates::Left;

pub use client_address::ClientAddress;
pub(crate) use faulty::Unanswered;

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
        let cross_origin = CrossOrigin::of(&request);
        let routes = self.routes.clone();
        let front = self.front.clone();
        Box::pin(async move {
            let enforced = group.is_some() && front.settings.rate_limits.enforce;
            let left = if enforced { Left::kept() } else { Left::default() };
            let preflight = cross_origin.as_ref().and_then(CrossOrigin::preflight);
            let mut response = match (prepared, preflight) {
                (Err(error), _) => error.into_response(),
                (Ok(()), Some(answer)) => answer,
                (Ok(()), None) => match rates::admit(&front, group, &mut request, &left).await {
                    Ok(()) => faulty::route(&front, routes, request).await,
                    Err(error) => error.into_response(),
                },
            };
            let headers = response.headers_mut();
            decorate(&front, headers);
            if let Some(group) = group {
                let limit = group.limit(&front.settings.rate_limits);
                headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en-US"));
                group.write(limit, left.get().unwrap_or(limit), headers);
            }
            if let Some(cross_origin) = cross_origin {
                cross_origin.write(headers);
            }
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
    nothing_at(&method, uri.path())
}

fn nothing_at(method: &Method, path: &str) -> ApiError {
    ApiError::new(http::StatusCode::NOT_FOUND, "CMN-120", format!("There is no {method} {path}"))
}

/// What a route answers to other methods; axum adds `Allow`.
pub async fn unknown_method(method: Method, uri: http::Uri) -> ApiError {
    let message = format!("{} does not take {method}", uri.path());
    ApiError::new(http::StatusCode::METHOD_NOT_ALLOWED, "CMN-120", message)
}

fn decorate(front: &Front, headers: &mut HeaderMap) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let id = front.handles.uuid_v4().hyphenated().encode_lower(&mut text);
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(ROUTING_KEY, SITE);
}
