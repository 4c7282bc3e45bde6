//! Query strings as an extractor whose refusal names the parameter, like every other answer.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::ApiError;

pub struct QueryOf<T>(pub T);

impl<S, T> FromRequestParts<S> for QueryOf<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(query)| Self(query)).map_err(|error| {
            let words = error.body_text();
            let words = words.strip_prefix("Failed to deserialize query string: ").unwrap_or(&words);
            let name = culprit(words);
            ApiError::parameter(name, format!("Parameter [{name}] is invalid: {words}"))
        })
    }
}

/// The parameter that the words of a refusal are about: in front of a colon, or in backticks where it is unknown or
/// comes twice.
fn culprit(words: &str) -> &str {
    let in_front = words.split_once(": ").map(|(name, _)| name).filter(|name| !name.contains(' '));
    in_front.or_else(|| words.split('`').nth(1)).unwrap_or("query")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_that_is_wrong_is_named() {
        for (words, name) in [
            ("prune: provided string was not `true` or `false`", "prune"),
            ("dryrun: unknown field `dryrun`, expected `prune` or `dryRun`", "dryrun"),
            ("unknown field `dryrun`, expected `prune` or `dryRun`", "dryrun"),
            ("duplicate field `prune`", "prune"),
            ("something else", "query"),
        ] {
            assert_eq!(culprit(words), name, "{words}");
        }
    }
}
