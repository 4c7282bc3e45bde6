//! Randomness that is the same in every run: a test prints its seed, and the seed is the test.

use hookswitch_core::clock::Entropy;
use parking_lot::Mutex;

/// SplitMix64: good enough to spread ids and jitter, and clear to read. Never for real secrets.
pub struct SeededEntropy {
    state: Mutex<u64>,
}

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(seed) }
    }

    /// For tests that draw numbers of their own from the same seed.
    pub fn next_u64(&self) -> u64 {
        let mut state = self.state.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64) -> [u8; 20] {
        let mut bytes = [0; 20];
        SeededEntropy::new(seed).fill(&mut bytes);
        bytes
    }

    #[test]
    fn the_seed_decides_everything() {
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let entropy = SeededEntropy::new(7);
        assert_ne!(entropy.seed(), entropy.seed());
    }
}
