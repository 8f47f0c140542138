//! Events of a batch whose places do not count: those behind one that is left out although a later
//! run wants it, and those that lie before the place of the stream. And those that may have come
//! before.

use super::{super::Identities, Batch};

impl Batch {
    /// Says that the event behind the first `before` ones is going to be left out although it is
    /// still wanted, by a later run: how far the batch reaches ends before it, whatever is kept of
    /// the rest. Comes before any is dropped.
    pub(crate) fn hold(&mut self, before: usize) {
        let first = self.first().copied();
        let last = before.checked_sub(1).and_then(|at| self.entries.get(at));
        let last = last.filter(|_| !self.is_aside);
        self.reached = last.map(|entry| entry.envelope.point);
        self.first = first;
        self.held = Some(before);
    }

    /// How many events lie before the first one that was left out, where one was.
    pub(crate) fn held(&self) -> Option<usize> {
        self.held
    }

    /// Says that all of its events lie before the place of the stream, and leave that where it is.
    #[cfg(any(test, feature = "history"))]
    pub(crate) fn set_aside(&mut self) {
        self.is_aside = true;
        self.reached = None;
    }

    /// Whether its events leave the place of the stream where it is.
    pub(crate) fn is_aside(&self) -> bool {
        self.is_aside
    }

    /// How many events, from the first on, have places that count.
    pub(crate) fn n_placed(&self) -> usize {
        match self.held {
            _ if self.is_aside => 0,
            Some(held) => held,
            None => self.entries.len(),
        }
    }

    /// Says that the event that was kept last may have come before, and nothing is there to
    /// recognise it by.
    pub(crate) fn doubt(&mut self) {
        let last = self.entries.last();
        let identity = last.and_then(|entry| entry.envelope.point.identity);
        self.doubtful.extend(identity);
    }

    /// How many of the events that are in it, and not taken yet, may have come before.
    pub(crate) fn n_doubtful(&self) -> u64 {
        if self.doubtful.is_empty() {
            return 0;
        }
        let doubtful: Identities = self.doubtful.iter().copied().collect();
        let identities = self.events().filter_map(|event| event.point().identity);
        let doubted = identities.filter(|identity| doubtful.contains(identity));
        doubted.count() as u64
    }
}
