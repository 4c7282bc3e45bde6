//! The `x-signing-token` of a company's conference endpoints, over its rotation (D25).
//!
//! A receiver compares one header with one value, so a rotation has two halves of the same length. In the
//! first the header still carries the old token and a header of its own the next; in the second it
//! carries the new one, and the previous stands beside it. Stored is only how a rotation began. What holds
//! at a moment follows from the clock, so nothing has to wake up when the halves change over.

use std::fmt;
use std::time::Duration;

use crate::clock::WallTime;

#[derive(Clone, PartialEq, Eq)]
pub struct SigningToken {
    /// The token when the latest rotation began; without one, the token.
    pub token: String,
    /// The latest, which may be over.
    pub rotation: Option<Rotation>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Rotation {
    pub next: String,
    /// When `next` takes the header over.
    pub changes_at: WallTime,
    /// How long each half lasts.
    pub overlap: Duration,
}

/// What holds at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokensNow<'a> {
    pub current: &'a str,
    /// In the first half of a rotation.
    pub next: Option<&'a str>,
    /// In the second half.
    pub previous: Option<&'a str>,
    /// When the half that holds now ends.
    pub changes_at: Option<WallTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    #[error("a rotation is under way until {}; finish it first", .until.iso8601())]
    UnderWay { until: WallTime },
    #[error("no rotation is under way")]
    NoneUnderWay,
}

impl SigningToken {
    pub fn new(token: String) -> Self {
        Self { token, rotation: None }
    }

    pub fn at(&self, now: WallTime) -> TokensNow<'_> {
        let settled = |current| TokensNow { current, next: None, previous: None, changes_at: None };
        match &self.rotation {
            None => settled(self.token.as_str()),
            Some(rotation) if now < rotation.changes_at => TokensNow {
                next: Some(&rotation.next),
                changes_at: Some(rotation.changes_at),
                ..settled(&self.token)
            },
            Some(rotation) if now < rotation.ends_at() => TokensNow {
                previous: Some(&self.token),
                changes_at: Some(rotation.ends_at()),
                ..settled(&rotation.next)
            },
            Some(rotation) => settled(&rotation.next),
        }
    }

    /// Begins a rotation to `next`, which takes over after `overlap`: at once if that is nothing.
    pub fn rotated(&self, next: String, overlap: Duration, now: WallTime) -> Result<Self, RotationError> {
        if let Some(until) = self.under_way_until(now) {
            return Err(RotationError::UnderWay { until });
        }
        let token = self.at(now).current.to_owned();
        Ok(Self { token, rotation: Some(Rotation { next, changes_at: now.plus(overlap), overlap }) })
    }

    /// Ends the half that holds now: the next token takes over at once, or the previous is dropped.
    pub fn finished(&self, now: WallTime) -> Result<Self, RotationError> {
        let under_way = self.rotation.as_ref().filter(|_| self.under_way_until(now).is_some());
        let rotation = under_way.ok_or(RotationError::NoneUnderWay)?;
        if now < rotation.changes_at {
            let rotation = Rotation { changes_at: now, ..rotation.clone() };
            return Ok(Self { token: self.token.clone(), rotation: Some(rotation) });
        }
        Ok(Self::new(rotation.next.clone()))
    }

    fn under_way_until(&self, now: WallTime) -> Option<WallTime> {
        self.rotation.as_ref().map(Rotation::ends_at).filter(|until| now < *until)
    }
}

impl Rotation {
    fn ends_at(&self) -> WallTime {
        self.changes_at.plus(self.overlap)
    }
}

/// Without the tokens, so that a log line cannot give them away.
impl fmt::Debug for SigningToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningToken")
            .field("changes_at", &self.rotation.as_ref().map(|rotation| rotation.changes_at))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(seconds: i64) -> WallTime {
        WallTime(1_700_000_000_000 + seconds * 1000)
    }

    fn now(token: &SigningToken, seconds: i64) -> (&str, Option<&str>, Option<&str>, Option<WallTime>) {
        let now = token.at(at(seconds));
        (now.current, now.next, now.previous, now.changes_at)
    }

    #[test]
    fn a_rotation_has_two_halves_and_the_header_changes_once() {
        let token = SigningToken::new("old".into());
        assert_eq!(now(&token, 0), ("old", None, None, None));
        let token = token.rotated("new".into(), HOUR, at(0)).unwrap();
        assert_eq!(now(&token, 0), ("old", Some("new"), None, Some(at(3600))));
        assert_eq!(now(&token, 3599), ("old", Some("new"), None, Some(at(3600))));
        assert_eq!(now(&token, 3600), ("new", None, Some("old"), Some(at(7200))));
        assert_eq!(now(&token, 7199), ("new", None, Some("old"), Some(at(7200))));
        assert_eq!(now(&token, 7200), ("new", None, None, None));
    }

    #[test]
    fn one_rotation_at_a_time() {
        let token = SigningToken::new("a".into()).rotated("b".into(), HOUR, at(0)).unwrap();
        for seconds in [0, 3599, 3600, 7199] {
            let refused = token.rotated("c".into(), HOUR, at(seconds));
            assert_eq!(refused, Err(RotationError::UnderWay { until: at(7200) }));
        }
        let token = token.rotated("c".into(), HOUR, at(7200)).unwrap();
        assert_eq!(now(&token, 7200), ("b", Some("c"), None, Some(at(10_800))));
    }

    #[test]
    fn finishing_ends_the_half_that_holds() {
        let begun = SigningToken::new("a".into()).rotated("b".into(), HOUR, at(0)).unwrap();
        let changed = begun.finished(at(10)).unwrap();
        assert_eq!(now(&changed, 10), ("b", None, Some("a"), Some(at(3610))));
        let over = changed.finished(at(20)).unwrap();
        assert_eq!(now(&over, 20), ("b", None, None, None));
        assert_eq!(over.finished(at(20)), Err(RotationError::NoneUnderWay));
        assert_eq!(begun.finished(at(7200)), Err(RotationError::NoneUnderWay));
    }

    #[test]
    fn what_is_logged_has_no_token_in_it() {
        let token = SigningToken::new("secret-1".into()).rotated("secret-2".into(), HOUR, at(0)).unwrap();
        assert!(!format!("{token:?}").contains("secret"));
    }

    #[test]
    fn without_an_overlap_the_old_token_is_gone_at_once() {
        let token = SigningToken::new("a".into()).rotated("b".into(), Duration::ZERO, at(0)).unwrap();
        assert_eq!(now(&token, 0), ("b", None, None, None));
    }
}
