//! The one place where an error becomes an HTTP answer of the REST trees and of our own API.
//!
//! The body carries both forms that clients read (contract.md §0): `errorCode` and `message` at the
//! top, and the list `errors`. OAuth's own form is `oauth::OAuthError`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hookswitch_store::StoreError;
use serde_json::{Map, Value, json};

/// The body of every answer that is not a success.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `ApiError::body` writes")]
pub struct ErrorBody {
    /// The code to branch on, or for a few old classes a word (`InvalidParameter`, `TokenExpired`, …).
    error_code: String,
    /// For people; not to be compared.
    message: String,
    /// Each with `errorCode`, `message` and, where it applies, `parameterName`, `permissionName`, `index`, ….
    #[schema(value_type = Vec<Object>)]
    errors: Vec<Value>,
    parameter_name: Option<String>,
    permission_name: Option<String>,
}

/// An answer that is not a success. Built by the constructors below or with `ApiError::new`.
#[derive(Clone, Debug)]
pub struct ApiError {
    pub status: StatusCode,
    /// The number code, `CMN-101`, `SUB-520`, ….
    pub code: &'static str,
    /// For the few classes whose top-level code is a word (contract.md §0).
    pub symbolic: Option<&'static str>,
    pub message: String,
    /// Further members of the error, copied to the top: `parameterName`, `permissionName`, `index`, ….
    pub members: Box<Map<String, Value>>,
    /// Errors beyond the first, each already in its wire form.
    pub more: Vec<Value>,
    pub retry_after_seconds: Option<u64>,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            symbolic: None,
            message: message.into(),
            members: Box::default(),
            more: Vec::new(),
            retry_after_seconds: None,
        }
    }

    /// 400 CMN-101: the value of a parameter is bad.
    pub fn parameter(name: &str, message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "CMN-101", message).with("parameterName", name);
        error.symbolic = Some("InvalidParameter");
        error
    }

    /// 404 CMN-102: what a parameter names does not exist, or is not the caller's.
    pub fn not_found(parameter: &str, value: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "CMN-102",
            format!("Resource for parameter [{parameter}] is not found"),
        )
        .with("parameterName", parameter)
        .with("parameterValue", value)
    }

    /// 400 CMN-103: the body is not JSON, or not of the form wanted.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "CMN-103", message)
    }

    /// 400 CMN-108: a member of the body says something else than the path.
    pub fn contradicts_path(parameter: &str) -> Self {
        let message = format!("Parameter [{parameter}] is invalid: it is not the one of the path");
        Self::new(StatusCode::BAD_REQUEST, "CMN-108", message)
            .with("parameterName", parameter)
            .with("reason", "is not the one of the path")
    }

    /// 400 CMN-110: a header that the call needs is absent.
    pub fn missing_header(name: &str) -> Self {
        let message = format!("Header [{name}] is missing");
        Self::new(StatusCode::BAD_REQUEST, "CMN-110", message).with("parameterName", name)
    }

    /// 403 CMN-401: the app or token lacks a permission.
    pub fn permission(name: &str) -> Self {
        let message =
            format!("In order to call this API endpoint, application needs to have [{name}] permission");
        let mut error = Self::new(StatusCode::FORBIDDEN, "CMN-401", message).with("permissionName", name);
        error.symbolic = Some("InsufficientPermissions");
        error
    }

    /// 403 CMN-408: the user lacks a permission.
    pub fn user_permission(name: &str) -> Self {
        let message = format!("In order to call this API endpoint, user needs to have [{name}] permission");
        let mut error = Self::new(StatusCode::FORBIDDEN, "CMN-408", message).with("permissionName", name);
        error.symbolic = Some("InsufficientPermissions");
        error
    }

    /// 413: the request is larger than the limit of that name, in bytes.
    pub fn too_large(limit_name: &str, limit: usize) -> Self {
        let message = format!("The request is larger than the limit [{limit_name}] of {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "CMN-106", message)
            .with("limitName", limit_name)
            .with("limit", limit)
    }

    /// 503 CMN-201 with `Retry-After`.
    pub fn unavailable(message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "CMN-201", message);
        error.retry_after_seconds = Some(1);
        error
    }

    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    pub fn body(&self) -> Value {
        let mut first = Map::new();
        first.insert("errorCode".into(), self.code.into());
        first.insert("message".into(), self.message.clone().into());
        first.extend(self.members.as_ref().clone());
        let mut errors = vec![Value::Object(first)];
        errors.extend(self.more.iter().cloned());
        let mut body = json!({ "errorCode": self.symbolic.unwrap_or(self.code), "message": self.message, "errors": errors });
        if let Value::Object(body) = &mut body {
            body.extend(self.members.as_ref().clone());
        }
        body
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"hookswitch\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::unavailable(format!("The store cannot take more: {why}")),
            StoreError::Conflict(what) => Self::new(
                StatusCode::CONFLICT,
                "CMN-406",
                format!("{what} has changed meanwhile, please repeat"),
            ),
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "CMN-203", "Internal server error")
            }
        }
    }
}
