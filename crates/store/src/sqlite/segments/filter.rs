//! A Bloom filter over the fingerprints of a sealed segment's uuids: two bytes an event say that a uuid is
//! not in the segment, and are wrong the other way about once in two thousand look-ups.

use super::fault::Fault;

const BITS_PER_ENTRY: usize = 16;
const PROBES: u64 = 8;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    pub(super) fn of(fingerprints: impl ExactSizeIterator<Item = u32>) -> Self {
        let words = (fingerprints.len() * BITS_PER_ENTRY).div_ceil(64).max(1);
        let mut filter = Self { words: vec![0; words] };
        for fingerprint in fingerprints {
            for (word, bit) in filter.places(fingerprint) {
                filter.words[word] |= bit;
            }
        }
        filter
    }

    pub(super) fn may_contain(&self, fingerprint: u32) -> bool {
        self.places(fingerprint).all(|(word, bit)| self.words[word] & bit != 0)
    }

    /// Double hashing: probe i is at `one + i * two`.
    fn places(&self, fingerprint: u32) -> impl Iterator<Item = (usize, u64)> + use<> {
        let mixed = u64::from(fingerprint).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let one = mixed ^ (mixed >> 29);
        let two = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1;
        let bits = self.words.len() as u64 * 64;
        (0..PROBES).map(move |probe| {
            let spread = one.wrapping_add(probe.wrapping_mul(two)) ^ (two >> 32);
            let bit = ((u128::from(spread) * u128::from(bits)) >> 64) as u64; // scales 2^64 down to `bits`
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    pub(super) fn size(&self) -> usize {
        self.words.len() * 8
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let (words, rest) = bytes.as_chunks::<8>();
        if words.is_empty() || !rest.is_empty() {
            return Err(Fault::Damaged("a filter over uuids has a wrong length"));
        }
        Ok(Self { words: words.iter().map(|word| u64::from_le_bytes(*word)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::fingerprint;
    use super::*;
    use uuid::Uuid;

    #[test]
    fn what_was_put_in_is_found_and_little_else() {
        let of = |numbers: std::ops::Range<u64>| {
            numbers.map(|number| fingerprint(&Uuid::from_u64_pair(number, 3)))
        };
        let inside: Vec<u32> = of(0..50_000).collect();
        let filter = Filter::of(inside.iter().copied());
        let filter = Filter::from_bytes(&filter.to_bytes()).unwrap();
        assert!(inside.iter().all(|known| filter.may_contain(*known)));
        let wrong = of(1_000_000..1_050_000).filter(|known| filter.may_contain(*known)).count();
        assert!(wrong < 100, "{wrong} of 50000");
        assert_eq!(filter.size(), 100_000);
    }

    #[test]
    fn a_filter_over_nothing_contains_nothing_and_a_torn_one_is_refused() {
        assert!(!Filter::of(std::iter::empty::<u32>()).may_contain(7));
        assert!(Filter::from_bytes(&[]).is_err());
        assert!(Filter::from_bytes(&[0; 9]).is_err());
    }
}
