//! How often an incoming webhook may post: so many times in any minute.
//!
//! Kept in memory: a restart forgives. Bounded, because who knows many webhooks may use them all.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use hookswitch_core::clock::MonoTime;
use hookswitch_core::id::HookNo;
use parking_lot::Mutex;

const MINUTE: Duration = Duration::from_secs(60);
/// Webhooks that are remembered; those that were idle for a minute make room.
const WEBHOOKS: usize = 10_000;

pub(super) struct Pace {
    per_minute: Option<usize>,
    /// When each posted within the last minute.
    posts: Mutex<HashMap<HookNo, VecDeque<MonoTime>>>,
}

impl Pace {
    pub(super) fn new(per_minute: Option<u32>) -> Self {
        let per_minute = per_minute.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        Self { per_minute, posts: Mutex::default() }
    }

    /// Counts a post, or says for how long there is to wait.
    pub(super) fn count(&self, hook: HookNo, now: MonoTime) -> Result<(), Duration> {
        let Some(limit) = self.per_minute else { return Ok(()) };
        let mut all = self.posts.lock();
        if all.len() >= WEBHOOKS && !all.contains_key(&hook) {
            all.retain(|_, posts| posts.back().is_some_and(|last| now.since(*last) < MINUTE));
            if all.len() >= WEBHOOKS {
                all.clear();
            }
        }
        let posts = all.entry(hook).or_default();
        while posts.front().is_some_and(|first| now.since(*first) >= MINUTE) {
            posts.pop_front();
        }
        if posts.len() >= limit {
            let first = posts.front().copied().unwrap_or(now);
            return Err(MINUTE.saturating_sub(now.since(first)));
        }
        posts.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonoTime {
        MonoTime(0).plus(Duration::from_secs(seconds))
    }

    #[test]
    fn each_webhook_has_so_many_posts_in_any_minute() {
        let pace = Pace::new(Some(2));
        assert_eq!(pace.count(HookNo(1), at(0)), Ok(()));
        assert_eq!(pace.count(HookNo(1), at(40)), Ok(()));
        assert_eq!(pace.count(HookNo(1), at(45)), Err(Duration::from_secs(15)));
        assert_eq!(pace.count(HookNo(2), at(45)), Ok(()), "another webhook has a pace of its own");
        assert_eq!(pace.count(HookNo(1), at(60)), Ok(()));
        assert_eq!(pace.count(HookNo(1), at(61)), Err(Duration::from_secs(39)), "no burst over the boundary");
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let pace = Pace::new(None);
        assert!((0..1000).all(|_| pace.count(HookNo(1), at(0)).is_ok()));
        assert!(pace.posts.lock().is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let pace = Pace::new(Some(1));
        for hook in 0..2 * 10_000 {
            assert_eq!(pace.count(HookNo(hook), at(0)), Ok(()));
        }
        assert!(pace.posts.lock().len() <= WEBHOOKS);
    }
}
