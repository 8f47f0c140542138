//! Which events were written lately, so that one that comes again is not written again.

use std::collections::VecDeque;

use crate::event::{Identities, Identity};

/// How many events are known, some 4 MB of memory: two minutes of the public network at its
/// busiest, and more than are read back.
const MAX_RECENT_IDS: usize = 131_072;

/// The identities of the last events.
#[derive(Debug, Default)]
pub(super) struct Recent {
    known: Identities,
    order: VecDeque<Identity>,
}

impl Recent {
    /// Notes an event, and returns whether it is a new one.
    pub(super) fn note(&mut self, id: Identity) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > MAX_RECENT_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_known_until_many_others_came() {
        let id = |n: usize| Identity::parse(&format!("{n:016x}")).unwrap();
        let mut recent = Recent::default();
        assert!((0..MAX_RECENT_IDS).all(|n| recent.note(id(n))));
        assert!((0..MAX_RECENT_IDS).all(|n| !recent.note(id(n))));
        assert!(recent.note(id(MAX_RECENT_IDS)));
        assert!(recent.note(id(0)));
        assert!(!recent.note(id(MAX_RECENT_IDS)));
        assert_eq!(recent.known.len(), MAX_RECENT_IDS);
    }
}
