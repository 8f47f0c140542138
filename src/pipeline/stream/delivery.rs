//! One event of a stream, and what becomes of it.

use std::{fmt, ops::Deref, sync::Arc};

use super::window::Window;
use crate::event::OwnedEvent;

/// An event of a [stream](super::Deliveries), to be acknowledged once it is done with.
///
/// It may go to another task or thread, and deliveries may be acknowledged in any order. Dropped,
/// its event counts as not accepted: the cursor does not pass it, and the next run begins with it
/// or before it.
#[must_use = "an event that is not acknowledged is not accepted"]
pub struct Delivery {
    event: OwnedEvent,
    number: u64,
    window: Arc<Window>,
    is_acked: bool,
}

impl Delivery {
    pub(super) fn next(window: &Arc<Window>) -> Option<Self> {
        let (number, event) = window.next()?;
        Some(Self {
            event,
            number,
            window: Arc::clone(window),
            is_acked: false,
        })
    }

    /// Says that the event is done with: once all before it are too, the cursor may pass it.
    pub fn ack(mut self) {
        self.is_acked = true;
    }
}

impl Deref for Delivery {
    type Target = OwnedEvent;

    fn deref(&self) -> &OwnedEvent {
        &self.event
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.is_acked {
            self.window.ack(self.number);
        } else {
            self.window.drop_delivery(self.number, &self.event);
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Delivery").field(&self.event).finish()
    }
}
