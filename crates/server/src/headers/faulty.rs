//! Calls that go wrong because development mode was asked for it (`dev::faults`).

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;

use super::route as carry_out;
use crate::body::{self, BodyLimit};
use crate::dev::faults::Action;
use crate::problem::ApiError;
use crate::state::Front;

/// Marks an answer that must not be given: the connection is to be closed instead.
#[derive(Clone, Copy)]
pub(crate) struct Unanswered;

/// Carries a call out, unless a fault says otherwise.
pub(super) async fn route(front: &Front, routes: Router, request: Request<Body>) -> Response<Body> {
    match front.faults.of_call(request.method(), request.uri().path()) {
        None => carry_out(routes, request).await,
        Some(Action::Fail { status, retry_after }) => failure(status, retry_after).into_response(),
        Some(Action::Delay(delay)) => {
            front.handles.sleep(delay).await;
            carry_out(routes, request).await
        }
        Some(Action::Drop) => {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(Unanswered);
            response
        }
        Some(Action::Repeat) => twice(front, routes, request).await,
    }
}

async fn twice(front: &Front, routes: Router, request: Request<Body>) -> Response<Body> {
    let limit = BodyLimit::of(request.uri().path(), &front.settings.limits);
    let (parts, body) = request.into_parts();
    let bytes = match body::read(front, body, limit).await {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    let again = || Request::from_parts(parts.clone(), Body::from(bytes.clone()));
    let first = carry_out(routes.clone(), again()).await;
    // Whoever answers piece by piece has done its work when the last piece is there.
    let _ = first.into_body().collect().await;
    carry_out(routes, again()).await
}

/// As the platform says it where it knows how.
fn failure(status: StatusCode, retry_after: Option<u64>) -> ApiError {
    let (code, symbolic) = match status.as_u16() {
        401 => ("OAU-213", Some("TokenInvalid")),
        403 => ("CMN-401", Some("InsufficientPermissions")),
        404 => ("CMN-102", None),
        429 => ("CMN-301", None),
        503 => ("CMN-201", None),
        400..=499 => ("CMN-101", None),
        _ => ("CMN-203", None),
    };
    let mut error = ApiError::new(status, code, format!("A fault of development mode: {status}"));
    error.symbolic = symbolic;
    error.retry_after_seconds = retry_after;
    error
}
