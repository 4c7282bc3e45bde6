//! `--seed`: a demo account and subscriptions whose ids and secrets are the same on every machine, so that
//! tests of clients can name them. Tokens of sessions and uuids of events stay random.

use std::sync::atomic::{AtomicU64, Ordering};

use hookswitch_core::clock::{Entropy, WallTime};
use hookswitch_core::id::SubscriptionId;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use uuid::Uuid;

/// When everything that is drawn from a seed came to be: 2026-01-01T00:00:00Z. It is part of the JWT.
pub(super) const FOUNDED: WallTime = WallTime(1_767_225_600_000);

/// The SHA-256 of the seed and a counter, block after block. Whoever knows the seed knows it all.
pub(super) struct SeededEntropy {
    seed: u64,
    blocks: Mutex<u64>,
}

impl SeededEntropy {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, blocks: Mutex::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut blocks = self.blocks.lock();
        for chunk in bytes.chunks_mut(32) {
            let block = digest(&SHA256, format!("hookswitch/{}/{}", self.seed, *blocks).as_bytes());
            *blocks += 1;
            chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        }
    }
}

/// The ids of subscriptions, in the order of their making.
pub struct SeededIds {
    seed: u64,
    made: AtomicU64,
}

impl SeededIds {
    pub fn new(seed: u64) -> Self {
        Self { seed, made: AtomicU64::new(0) }
    }

    /// The next one; after a restart also such as are taken.
    pub(crate) fn next(&self) -> SubscriptionId {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("hookswitch/{}/subscription/{number}", self.seed);
        SubscriptionId(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_and_another_seed_something_else() {
        let draw = |seed| {
            let entropy = SeededEntropy::new(seed);
            let mut bytes = [0; 40];
            entropy.fill(&mut bytes);
            (bytes, entropy.seed())
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1).0, draw(2).0);
        assert_ne!(draw(1).0[..8], draw(1).1.to_le_bytes());
        let (one, same) = (SeededIds::new(1), SeededIds::new(1));
        assert_eq!([one.next(), one.next()], [same.next(), same.next()]);
        assert_ne!(one.next(), SeededIds::new(2).next());
    }
}
