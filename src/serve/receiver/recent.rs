//! What was seen last, in bounded memory: the older half is forgotten at once.

use std::{collections::HashMap, hash::Hash};

/// Values by what was seen last.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    new: HashMap<K, V>,
    old: HashMap<K, V>,
    /// How many there are in each of the two.
    most: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// At least so many are remembered, and at most twice as many.
    pub(super) fn new(most: usize) -> Self {
        Self {
            new: HashMap::new(),
            old: HashMap::new(),
            most,
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.new.get(key).or_else(|| self.old.get(key))
    }

    /// Remembers a value. Returns whether others were forgotten for it.
    pub(super) fn insert(&mut self, key: K, value: V) -> bool {
        let is_full = self.new.len() >= self.most;
        if is_full {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(key, value);
        is_full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_others_forgotten() {
        let mut recent = Recent::new(10);
        let n_turns = (0..100).filter(|n| recent.insert(*n, n * 2)).count();
        assert_eq!(n_turns, 9);
        assert!((90..100).all(|n| recent.get(&n) == Some(&(n * 2))));
        assert_eq!((recent.get(&89), recent.get(&79)), (Some(&178), None));
        let held = recent.new.len() + recent.old.len();
        assert!((10..=20).contains(&held), "{held}");
    }
}
