//! What an answer, or the lack of one, means: pure, and in words that a person can act on.

use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::{FailureClass, Outcome};
use hookswitch_core::{limits, retry};
use http::StatusCode;

use super::http1::Broken;

/// What a status means for the delivery. The headers that refine it are given as they came, if they did.
pub fn judge(
    status: StatusCode,
    retry_after: Option<&str>,
    location: Option<&str>,
    now: WallTime,
) -> (Outcome, Option<(FailureClass, String)>) {
    let failed = |outcome, class, why: &str| {
        (outcome, Some((class, format!("answered {}{why}", status_words(status)))))
    };
    let again = Outcome::Retry { hint: None };
    match status.as_u16() {
        200..=299 => (Outcome::Delivered, None),
        300..=399 => failed(again, FailureClass::Redirect, &redirect_words(location)),
        400 | 401 | 403 | 404 | 413 => failed(Outcome::Refused, FailureClass::Refused, ""),
        410 => failed(Outcome::Refused, FailureClass::Gone, ": the receiver is gone for good"),
        429 | 503 => {
            let hint = retry_after.and_then(|value| retry::parse_retry_after(value, now));
            let why = hint.map(|wait| format!(" and asked to wait {}", span(wait))).unwrap_or_default();
            failed(Outcome::Retry { hint }, FailureClass::Throttled, &why)
        }
        _ => failed(again, FailureClass::Status, ""),
    }
}

pub(crate) fn status_words(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// Continues "answered 302 Found".
pub(crate) fn redirect_words(location: Option<&str>) -> String {
    match location {
        Some(to) => format!(", a redirect to {}; redirects are not followed", start_of(to)),
        None => "; redirects are not followed".to_owned(),
    }
}

/// Text from a receiver goes into histories and answers: not more of it than tells a person something.
pub(crate) fn start_of(text: &str) -> String {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What being late with an attempt means: the receiver's failure, unless we noticed the end of its time
/// so late ourselves that it may well have answered within it (D3).
pub(crate) fn late(
    noticed_after: Duration,
    why: impl FnOnce() -> String,
) -> (Outcome, (FailureClass, String)) {
    if is_our_lateness(noticed_after) {
        let words =
            format!("this server was too busy: it noticed the end of the time {} late", span(noticed_after));
        return (Outcome::OurFault, (FailureClass::Internal, words));
    }
    (Outcome::Retry { hint: None }, (FailureClass::Timeout, why()))
}

pub(crate) fn is_our_lateness(noticed_after: Duration) -> bool {
    noticed_after > limits::OWN_LATENESS
}

/// "250 ms", "1 s", "3.4 s", "90 s".
pub(crate) fn span(span: Duration) -> String {
    let millis = span.as_millis();
    match (millis, millis % 1000) {
        (..1000, _) => format!("{millis} ms"),
        (_, 0) => format!("{} s", millis / 1000),
        (..10_000, _) => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{} s", millis / 1000),
    }
}

/// What a connection that broke before its answer tells.
pub(crate) fn broken_words(error: &hyper::Error, anything_read: bool) -> String {
    if error.is_parse_too_large() {
        return Broken::TooLarge.to_string();
    }
    if error.is_parse() {
        return Broken::NotHttp.to_string();
    }
    closed_words(io_cause(error).map(std::io::Error::kind), anything_read)
}

/// The same of a connection that we read ourselves.
pub(crate) fn unanswered_words(broken: &Broken) -> String {
    match broken {
        Broken::TooLarge | Broken::NotHttp => broken.to_string(),
        Broken::Closed { anything_read } => closed_words(None, *anything_read),
        Broken::Io { error, anything_read } => closed_words(Some(error.kind()), *anything_read),
    }
}

fn closed_words(kind: Option<std::io::ErrorKind>, anything_read: bool) -> String {
    let place = if anything_read { "in the middle of its answer" } else { "without an answer" };
    match kind {
        Some(std::io::ErrorKind::ConnectionReset) => format!("reset the connection {place}"),
        Some(std::io::ErrorKind::BrokenPipe) | None => format!("closed the connection {place}"),
        Some(kind) => format!("the connection broke {place}: {kind}"),
    }
}

fn io_cause(error: &hyper::Error) -> Option<&std::io::Error> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime(1_700_000_000_000);

    fn judged(status: u16) -> (Outcome, Option<(FailureClass, String)>) {
        judge(StatusCode::from_u16(status).unwrap(), None, None, NOW)
    }

    fn class(status: u16) -> (Outcome, FailureClass) {
        let (outcome, failure) = judged(status);
        (outcome, failure.unwrap().0)
    }

    #[test]
    fn every_2xx_is_delivered() {
        for status in 200..300 {
            assert_eq!(judged(status), (Outcome::Delivered, None));
        }
    }

    #[test]
    fn no_other_status_is_delivered_and_each_says_what_was_answered() {
        for status in (100..200).chain(300..1000) {
            let (outcome, failure) = judged(status);
            assert_ne!(outcome, Outcome::Delivered);
            assert!(failure.unwrap().1.starts_with(&format!("answered {status}")));
        }
    }

    #[test]
    fn refusals_take_the_slower_curve_and_all_else_is_tried_again() {
        for status in [400, 401, 403, 404, 413] {
            assert_eq!(class(status), (Outcome::Refused, FailureClass::Refused));
        }
        assert_eq!(class(410), (Outcome::Refused, FailureClass::Gone));
        let again = Outcome::Retry { hint: None };
        for status in [300, 301, 302, 303, 304, 307, 308, 399] {
            assert_eq!(class(status), (again, FailureClass::Redirect));
        }
        for status in [429, 503] {
            assert_eq!(class(status), (again, FailureClass::Throttled));
        }
        for status in [101, 402, 405, 408, 415, 422, 500, 502, 504, 599, 999] {
            assert_eq!(class(status), (again, FailureClass::Status));
        }
    }

    #[test]
    fn retry_after_is_obeyed_with_429_and_503_only() {
        let with = |status| judge(status, Some("30"), None, NOW);
        let (outcome, failure) = with(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(outcome, Outcome::Retry { hint: Some(Duration::from_secs(30)) });
        assert_eq!(failure.unwrap().1, "answered 503 Service Unavailable and asked to wait 30 s");
        assert_eq!(
            with(StatusCode::TOO_MANY_REQUESTS).0,
            Outcome::Retry { hint: Some(Duration::from_secs(30)) }
        );
        assert_eq!(with(StatusCode::BAD_GATEWAY).0, Outcome::Retry { hint: None });
        let nonsense = judge(StatusCode::TOO_MANY_REQUESTS, Some("soon"), None, NOW);
        assert_eq!(nonsense.0, Outcome::Retry { hint: None });
    }

    #[test]
    fn a_redirect_says_where_to_in_bounded_words() {
        let words = |to: &str| judge(StatusCode::FOUND, None, Some(to), NOW).1.unwrap().1;
        assert_eq!(
            words("https://other.example/"),
            "answered 302 Found, a redirect to https://other.example/; redirects are not followed"
        );
        assert!(words(&"ü".repeat(5000)).len() < 500);
    }

    #[test]
    fn our_own_lateness_is_charged_to_nobody() {
        let (outcome, (class, words)) =
            late(Duration::from_millis(100), || "no answer within 1 s".to_owned());
        assert_eq!((outcome, class), (Outcome::Retry { hint: None }, FailureClass::Timeout));
        assert_eq!(words, "no answer within 1 s");
        let (outcome, (class, _)) = late(Duration::from_millis(101), || unreachable!());
        assert_eq!((outcome, class), (Outcome::OurFault, FailureClass::Internal));
    }

    #[test]
    fn spans_read_like_a_person_writes_them() {
        for (millis, text) in
            [(0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (3449, "3.4 s"), (10_000, "10 s"), (90_500, "90 s")]
        {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }
}
