//! Storage for the index: numbered slots in chunks, and a map in shards.
//!
//! Both grow a little at a time. A single vector or hash map of a million entries would have to be
//! copied as a whole when it grows, and the event path would stand still meanwhile.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

const CHUNK: usize = 1024;
const SHARDS: usize = 256;
/// Numbers stay below this, so that the highest bit is free for other uses.
const SLOTS: u32 = 1 << 31;

#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(no) = self.free.pop() {
            self[no] = value;
            return no;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let last = self.chunks.len() - 1;
        let no = last * CHUNK + self.chunks[last].len();
        self.chunks[last].push(value);
        u32::try_from(no).ok().filter(|no| *no < SLOTS).expect("memory ends before 2^31 slots are taken")
    }

    /// Sets the slot free. Whatever its value owns should have been taken out of it.
    pub(crate) fn release(&mut self, no: u32) {
        self.free.push(no);
    }
}

impl<T: Default> Slab<T> {
    /// Takes the value out and sets the slot free.
    pub(crate) fn take(&mut self, no: u32) -> T {
        self.free.push(no);
        std::mem::take(&mut self[no])
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, no: u32) -> &T {
        &self.chunks[no as usize / CHUNK][no as usize % CHUNK]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, no: u32) -> &mut T {
        &mut self.chunks[no as usize / CHUNK][no as usize % CHUNK]
    }
}

/// A map from hashes to small values.
#[derive(Debug)]
pub(crate) struct Sharded<V> {
    shards: Vec<HashMap<u64, V, BuildHasherDefault<Ready>>>,
}

impl<V> Default for Sharded<V> {
    fn default() -> Self {
        Self { shards: std::iter::repeat_with(HashMap::default).take(SHARDS).collect() }
    }
}

impl<V> Sharded<V> {
    // The map itself uses the lowest and the highest bits of a hash.
    fn shard(hash: u64) -> usize {
        (hash >> 40) as usize % SHARDS
    }

    pub(crate) fn get(&self, hash: u64) -> Option<&V> {
        self.shards[Self::shard(hash)].get(&hash)
    }

    pub(crate) fn get_mut(&mut self, hash: u64) -> Option<&mut V> {
        self.shards[Self::shard(hash)].get_mut(&hash)
    }

    pub(crate) fn insert(&mut self, hash: u64, value: V) {
        self.shards[Self::shard(hash)].insert(hash, value);
    }

    pub(crate) fn or_insert(&mut self, hash: u64, value: V) -> &mut V {
        self.shards[Self::shard(hash)].entry(hash).or_insert(value)
    }

    pub(crate) fn remove(&mut self, hash: u64) -> Option<V> {
        let shard = &mut self.shards[Self::shard(hash)];
        let removed = shard.remove(&hash);
        if shard.len() < shard.capacity() / 8 {
            shard.shrink_to(shard.len() * 2);
        }
        removed
    }
}

/// The keys are hashes already.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
