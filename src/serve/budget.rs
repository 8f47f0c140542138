//! How much memory consumers may have us hold, all of them together: filters, and messages that are
//! not whole.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// What there is for all of them.
#[derive(Debug)]
pub(super) struct Budget {
    most: usize,
    held: AtomicUsize,
}

/// What one of them holds. Dropped, it is given back.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            held: AtomicUsize::new(0),
        })
    }

    /// A share of nothing yet.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }
}

impl Share {
    /// Holds this much from now on. Returns whether there is room for it; less than before always
    /// has.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        let Budget { most, held } = &*self.budget;
        let grows = bytes > self.bytes;
        let before = std::mem::replace(&mut self.bytes, bytes);
        held.fetch_sub(before, Relaxed);
        let total = held.fetch_add(bytes, Relaxed) + bytes;
        !grows || total <= *most
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shares_together_have_no_more_than_there_is() {
        let budget = Budget::new(100);
        let (mut first, mut second) = (budget.share(), budget.share());
        assert!(first.hold(60) && second.hold(40));
        assert!(!first.hold(61), "there is not so much");
        // Who gives back is never refused.
        assert!(first.hold(60) && first.hold(10) && second.hold(90));
        drop(second);
        assert!(first.hold(100));
        drop(first);
        assert_eq!(budget.held.load(Relaxed), 0);
    }
}
