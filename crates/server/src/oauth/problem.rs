//! How the OAuth endpoints say no: `error` and `error_description` of the standard, and the codes that
//! the platform's clients read. 400, or 401 where the app could not be authenticated (D18).

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hookswitch_store::StoreError;
use serde_json::json;

use crate::problem::ApiError;

#[derive(Clone, Debug)]
pub struct OAuthError {
    pub status: StatusCode,
    /// One of the standard's words, `invalid_grant`.
    pub error: &'static str,
    /// `OAU-140`.
    pub code: &'static str,
    pub description: String,
    pub parameter: Option<Cow<'static, str>>,
    retry_after_seconds: Option<u64>,
}

impl OAuthError {
    pub(super) fn new(error: &'static str, code: &'static str, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            code,
            description: description.into(),
            parameter: None,
            retry_after_seconds: None,
        }
    }

    pub(super) fn invalid_grant(code: &'static str, description: impl Into<String>) -> Self {
        Self::new("invalid_grant", code, description)
    }

    /// 401: the app is not who it says, or says nothing.
    pub(super) fn invalid_client(code: &'static str, description: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new("invalid_client", code, description) }
    }

    pub(super) fn parameter(name: &'static str, description: impl Into<String>) -> Self {
        Self::new("invalid_request", "CMN-101", description).naming(name)
    }

    pub(super) fn missing(name: &'static str) -> Self {
        Self::parameter(name, format!("Parameter [{name}] is missing or empty"))
    }

    /// With the parameter that it is about.
    pub(super) fn naming(self, parameter: impl Into<Cow<'static, str>>) -> Self {
        Self { parameter: Some(parameter.into()), ..self }
    }

    /// With `Retry-After`.
    pub(super) fn with_retry_after(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        ApiError::from(error).into()
    }
}

/// What went wrong below: the store, the body.
impl From<ApiError> for OAuthError {
    fn from(error: ApiError) -> Self {
        let word = if error.status.is_server_error() { "temporarily_unavailable" } else { "invalid_request" };
        Self {
            status: error.status,
            retry_after_seconds: error.retry_after_seconds,
            ..Self::new(word, error.code, error.message)
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let mut first = json!({ "errorCode": self.code, "message": self.description });
        if let Some(parameter) = self.parameter {
            first["parameterName"] = parameter.into();
        }
        let body = json!({
            "error": self.error,
            "error_description": self.description,
            "errorCode": self.code,
            "message": self.description,
            "errors": [first],
        });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"hookswitch\""));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The body of a failure.
#[derive(utoipa::ToSchema)]
#[schema(as = OAuthError)]
#[expect(dead_code, reason = "describes what `OAuthError` writes")]
pub(super) struct OAuthErrorBody {
    /// `invalid_request`, `invalid_client`, `invalid_grant`, …
    error: String,
    error_description: String,
    error_code: String,
}
