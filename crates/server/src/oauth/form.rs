//! The parameters of an OAuth request: a form, and what of it may stand in the query.

use std::collections::HashMap;

use axum::extract::{FromRef, FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use url::form_urlencoded;

use super::problem::OAuthError;
use crate::body::Payload;
use crate::state::Front;

const FORM: &str = "application/x-www-form-urlencoded";

/// Parameters by name; an empty value is none.
#[derive(Debug, Default)]
pub(super) struct Form {
    values: HashMap<String, String>,
}

impl Form {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::missing(name))
    }

    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        Self { values: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect() }
    }

    fn parse(query: &str, body: &[u8]) -> Result<Self, OAuthError> {
        let in_query = collect(query.as_bytes())?;
        let mut values = collect(body)?;
        for (name, value) in in_query {
            match values.get(&name) {
                Some(other) if *other != value => {
                    let description = format!("Parameter [{name}] has different values in query and body");
                    return Err(OAuthError::new("invalid_request", "OAU-150", description).naming(name));
                }
                Some(_) => {}
                None => {
                    values.insert(name, value);
                }
            }
        }
        Ok(Self { values })
    }
}

impl<S> FromRequest<S> for Form
where
    Front: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = OAuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, OAuthError> {
        let is_form = is_form(request.headers());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let Payload(body) = Payload::from_request(request, state).await?;
        if !is_form && !body.is_empty() {
            let description = format!("The request must be of the content type {FORM}");
            let error = OAuthError::new("invalid_request", "CMN-407", description);
            return Err(error.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        Self::parse(&query, &body)
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM)
}

fn collect(text: &[u8]) -> Result<HashMap<String, String>, OAuthError> {
    let mut values = HashMap::new();
    for (name, value) in form_urlencoded::parse(text) {
        if values.contains_key(name.as_ref()) {
            let description = format!("Parameter [{name}] is given more than once");
            return Err(OAuthError::new("invalid_request", "OAU-111", description).naming(name.into_owned()));
        }
        values.insert(name.into_owned(), value.into_owned());
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_sign_that_is_encoded_stays_and_an_empty_value_is_none() {
        let form = Form::parse("", b"username=%2B16505551234&extension=&password=a+b").unwrap();
        assert_eq!(form.get("username"), Some("+16505551234"));
        assert_eq!(form.get("extension"), None);
        assert_eq!(form.get("password"), Some("a b"));
        assert_eq!(form.required("assertion").unwrap_err().parameter.as_deref(), Some("assertion"));
    }

    #[test]
    fn a_parameter_comes_once_and_query_and_body_agree() {
        for (query, body, code) in [("", "a=1&a=1", "OAU-111"), ("a=2", "a=1", "OAU-150")] {
            let error = Form::parse(query, body.as_bytes()).unwrap_err();
            assert_eq!((error.code, error.parameter.as_deref()), (code, Some("a")));
        }
        assert_eq!(Form::parse("a=1&b=2", b"a=1").unwrap().get("b"), Some("2"));
    }
}
