//! What recently seen tokens stand for, so that a request with a known token asks the store nothing.
//!
//! Bounded by two generations: new entries go to the young one; when it is full it becomes the old one,
//! and what was old and not asked for again is dropped. An entry ends with its token. A token that is
//! revoked or refreshed away has to be forgotten here, and a look-up that was under way meanwhile may not
//! bring it back: `note` takes the round that `round` gave before the look-up.

use std::collections::HashMap;

use hookswitch_core::clock::WallTime;
use hookswitch_store::directory::TokenHash;
use parking_lot::Mutex;

use crate::principal::Principal;

/// Entries of each generation.
const GENERATION: usize = 8_192;

#[derive(Default)]
pub(crate) struct TokenCache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    round: u64,
    young: HashMap<TokenHash, Entry>,
    old: HashMap<TokenHash, Entry>,
}

#[derive(Clone)]
struct Entry {
    principal: Principal,
    expires_at: WallTime,
}

impl TokenCache {
    pub(crate) fn get(&self, token: &TokenHash, now: WallTime) -> Option<Principal> {
        let mut state = self.state.lock();
        if let Some(entry) = state.young.get(token) {
            return (now < entry.expires_at).then(|| entry.principal.clone());
        }
        let entry = state.old.remove(token)?;
        if now >= entry.expires_at {
            return None;
        }
        let principal = entry.principal.clone();
        state.insert(*token, entry);
        Some(principal)
    }

    /// To be taken before the store is asked.
    pub(crate) fn round(&self) -> u64 {
        self.state.lock().round
    }

    /// Keeps what the store said, unless a token was forgotten since `round`.
    pub(crate) fn note(&self, round: u64, token: TokenHash, principal: Principal, expires_at: WallTime) {
        let mut state = self.state.lock();
        if state.round == round {
            state.insert(token, Entry { principal, expires_at });
        }
    }

    pub(crate) fn forget(&self, tokens: &[TokenHash]) {
        let mut state = self.state.lock();
        state.round += 1;
        for token in tokens {
            state.young.remove(token);
            state.old.remove(token);
        }
    }
}

impl TokenCache {
    /// For changes whose tokens cannot be named.
    pub(crate) fn forget_all(&self) {
        let mut state = self.state.lock();
        state.round += 1;
        state.young.clear();
        state.old.clear();
    }
}

impl State {
    fn insert(&mut self, token: TokenHash, entry: Entry) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: WallTime = WallTime(1000);

    fn token(number: u64) -> TokenHash {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_le_bytes());
        TokenHash(hash)
    }

    fn noted(cache: &TokenCache, number: u64) {
        cache.note(cache.round(), token(number), Principal::Admin, END);
    }

    #[test]
    fn a_token_is_known_until_it_expires_or_is_forgotten() {
        let cache = TokenCache::default();
        noted(&cache, 1);
        assert_eq!(cache.get(&token(1), WallTime(999)), Some(Principal::Admin));
        assert_eq!(cache.get(&token(1), END), None);
        cache.forget(&[token(1)]);
        assert_eq!(cache.get(&token(1), WallTime(0)), None);
    }

    #[test]
    fn a_look_up_that_a_revocation_overtook_is_not_kept() {
        let cache = TokenCache::default();
        let round = cache.round();
        cache.forget(&[token(1)]);
        cache.note(round, token(1), Principal::Admin, END);
        assert_eq!(cache.get(&token(1), WallTime(0)), None);
    }

    #[test]
    fn however_many_tokens_come_the_cache_stays_bounded_and_keeps_those_in_use() {
        let cache = TokenCache::default();
        noted(&cache, 0);
        for number in 1..=5 * GENERATION as u64 {
            noted(&cache, number);
            assert!(cache.get(&token(0), WallTime(0)).is_some());
        }
        let state = cache.state.lock();
        assert!(state.young.len() + state.old.len() <= 2 * GENERATION);
        assert!(!state.young.contains_key(&token(1)) && !state.old.contains_key(&token(1)));
    }
}
