//! How long tokens live, by what a client asks for. Nothing a client asks is refused; it is clamped
//! (contract.md §1.1), because the SDKs send `-1` and the last answer plus one.

use std::time::Duration;

use super::form::Form;
use crate::config::Sessions;

/// No client may ask for less, unless it asks for the default.
const SHORTEST_ACCESS: u64 = 600;

pub(super) fn access(form: &Form, settings: &Sessions) -> Duration {
    let longest = settings.access_token_lifetime;
    match asked(form, "access_token_ttl") {
        Some(seconds) if seconds > 0 => {
            Duration::from_secs(seconds.unsigned_abs().max(SHORTEST_ACCESS)).min(longest)
        }
        _ => longest,
    }
}

/// `None`: no refresh token.
pub(super) fn refresh(form: &Form, settings: &Sessions) -> Option<Duration> {
    match asked(form, "refresh_token_ttl") {
        None => Some(settings.refresh_token_lifetime),
        Some(seconds) if seconds <= 0 => None,
        Some(seconds) => {
            Some(Duration::from_secs(seconds.unsigned_abs()).min(settings.refresh_token_longest))
        }
    }
}

/// What is no number is as if it were not there.
fn asked(form: &Form, name: &str) -> Option<i64> {
    form.get(name)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_clamped_and_never_refused() {
        let settings = Sessions::default();
        let access = |asked: &str| access(&Form::of(&[("access_token_ttl", asked)]), &settings).as_secs();
        for (asked, given) in [
            ("", 3600),
            ("-1", 3600),
            ("0", 3600),
            ("1", 600),
            ("600", 600),
            ("900", 900),
            ("3601", 3600),
            ("x", 3600),
        ] {
            assert_eq!(access(asked), given, "access_token_ttl={asked}");
        }
        let refresh = |asked: &str| {
            refresh(&Form::of(&[("refresh_token_ttl", asked)]), &settings).map(|span| span.as_secs())
        };
        for (asked, given) in [
            ("", Some(604_800)),
            ("-1", None),
            ("0", None),
            ("60", Some(60)),
            ("9999999", Some(2_592_000)),
            ("x", Some(604_800)),
        ] {
            assert_eq!(refresh(asked), given, "refresh_token_ttl={asked}");
        }
    }
}
