//! The events that a stream has taken from its run and that are not acknowledged without a hole:
//! what the run and all deliveries share.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use crate::{event::OwnedEvent, log::printable, sink::SinkContext};

/// A delivery was dropped without an acknowledgement, and as many events came after it as may be
/// unacknowledged.
#[derive(Debug, thiserror::Error)]
#[error(
    "the delivery of {event} was dropped without an acknowledgement, and none of the {unacked} events from it on is accepted: \
     acknowledge each with ack(), or read the stream with auto_ack()"
)]
pub(crate) struct DroppedDelivery {
    /// The event, as its address or its account.
    pub event: String,
    /// How many events are taken and not accepted.
    pub unacked: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// It waits to be handed out, or its delivery is alive.
    Open,
    Acked,
    Dropped,
}

/// Events from the first that is not acknowledged on. They are numbered from 0 on, as the run gave
/// them.
#[derive(Debug, Default)]
pub(super) struct Window(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Where to count what is accepted, while there is a run that looks.
    context: Option<SinkContext>,
    /// Events that nobody has asked for yet: the last of the slots.
    ready: VecDeque<OwnedEvent>,
    /// The number of the first slot; all before it are accepted.
    first: u64,
    slots: VecDeque<Slot>,
    /// Deliveries that are alive.
    n_alive: usize,
    /// The first event whose delivery was dropped.
    dropped: Option<(u64, OwnedEvent)>,
    /// Of the run, where it waits for one of this to change.
    waker: Option<Waker>,
}

impl Window {
    /// Acknowledged events count here from now on.
    pub(super) fn begin(&self, context: SinkContext) {
        self.state().context = Some(context);
    }

    /// What is acknowledged from now on does not count.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.context = None;
        state.ready.clear();
    }

    /// How many more events may be put in: resolves once all have been asked for and there is room.
    /// Fails where there never will be.
    pub(super) fn poll_room(
        &self,
        most: usize,
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, DroppedDelivery>> {
        let mut state = self.state();
        let room = most.saturating_sub(state.slots.len());
        if state.ready.is_empty() {
            if room > 0 {
                return Poll::Ready(Ok(room));
            }
            if let (Some(Slot::Dropped), Some((_, event))) = (state.slots.front(), &state.dropped) {
                return Poll::Ready(Err(DroppedDelivery {
                    event: printable(&event.uri().unwrap_or_else(|| event.key().to_owned())),
                    unacked: state.slots.len(),
                }));
            }
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Resolves once all events have been asked for, and each delivery is acknowledged or dropped.
    pub(super) fn poll_settled(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.ready.is_empty() && state.n_alive == 0 {
            return Poll::Ready(());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// How many deliveries it waits for, while it waits for nothing else.
    pub(super) fn waits_for(&self) -> Option<usize> {
        let state = self.state();
        (state.ready.is_empty() && state.n_alive > 0).then_some(state.n_alive)
    }

    /// Adds events, to be asked for.
    pub(super) fn fill(&self, events: impl Iterator<Item = OwnedEvent>) {
        let mut state = self.state();
        let before = state.ready.len();
        state.ready.extend(events);
        let n_slots = state.slots.len() + state.ready.len() - before;
        state.slots.resize(n_slots, Slot::Open);
    }

    /// The next event, with its number, if there is one. It is then either acknowledged or dropped.
    pub(super) fn next(&self) -> Option<(u64, OwnedEvent)> {
        let mut state = self.state();
        let number = state.next_number();
        let event = state.ready.pop_front()?;
        state.n_alive += 1;
        Some((number, event))
    }

    /// This event is done with.
    pub(super) fn ack(&self, number: u64) {
        let mut state = self.state();
        state.set(number, Slot::Acked);
        let mut n_accepted = 0;
        while state.slots.front() == Some(&Slot::Acked) {
            state.slots.pop_front();
            n_accepted += 1;
        }
        state.first += n_accepted;
        if let (Some(context), true) = (&state.context, n_accepted > 0) {
            context.accept(n_accepted);
        }
        wake(state);
    }

    /// This event never will be acknowledged.
    pub(super) fn drop_delivery(&self, number: u64, event: &OwnedEvent) {
        let mut state = self.state();
        state.set(number, Slot::Dropped);
        let is_first = |(first, _): &(u64, _)| number < *first;
        if state.dropped.as_ref().is_none_or(is_first) {
            state.dropped = Some((number, event.clone()));
        }
        wake(state);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The number of the next event to be asked for.
    fn next_number(&self) -> u64 {
        self.first + (self.slots.len().saturating_sub(self.ready.len())) as u64
    }

    fn set(&mut self, number: u64, slot: Slot) {
        self.n_alive -= 1;
        let index = usize::try_from(number - self.first).unwrap_or(usize::MAX);
        if let Some(at) = self.slots.get_mut(index) {
            *at = slot;
        }
    }
}

/// Wakes the run, outside of the lock.
fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: u64) -> OwnedEvent {
        let line = format!(r#"{{"did":"did:plc:{n}","time_us":{n},"kind":"identity"}}"#);
        OwnedEvent::from_line(line).unwrap()
    }

    /// Deliveries that are acknowledged and dropped at random, beside a model that knows of each
    /// event what became of it.
    #[test]
    fn what_is_accepted_is_what_is_acknowledged_without_a_hole() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (window, context) = (Window::default(), SinkContext::default());
            window.begin(context.clone());
            let (mut given, mut acked) = (0, Vec::new());
            let mut alive = Vec::new();
            for _ in 0..300 {
                match random.u8(0..4) {
                    0 => {
                        let n = random.u64(1..5);
                        let waits = window.state().ready.len() as u64;
                        let from = given + waits;
                        window.fill((from..from + n).map(event));
                    }
                    1 => {
                        if let Some((number, event)) = window.next() {
                            assert_eq!((number, event.time_us()), (given, given));
                            given += 1;
                            acked.push(false);
                            alive.push((number, event));
                        }
                    }
                    _ if alive.is_empty() => {}
                    _ => {
                        let (number, event) = alive.swap_remove(random.usize(..alive.len()));
                        if random.u8(0..40) == 0 {
                            window.drop_delivery(number, &event);
                        } else {
                            window.ack(number);
                            acked[usize::try_from(number).unwrap()] = true;
                        }
                    }
                }
                let expected = acked.iter().take_while(|is_acked| **is_acked).count();
                assert_eq!(context.accepted(), expected as u64);
                assert_eq!(window.state().n_alive, alive.len());
            }
        }
    }

    #[test]
    fn the_first_that_was_dropped_is_named_whenever_it_was() {
        let (window, mut context) = (Window::default(), Context::from_waker(Waker::noop()));
        window.fill((0..4).map(event));
        let given: Vec<_> = std::iter::from_fn(|| window.next()).collect();
        for n in [3, 1, 2] {
            window.drop_delivery(n, &given[usize::try_from(n).unwrap()].1);
        }
        // The first is alive: it may make room yet, for one.
        assert!(window.poll_room(4, &mut context).is_pending());
        window.ack(0);
        assert!(matches!(
            window.poll_room(4, &mut context),
            Poll::Ready(Ok(1))
        ));
        let Poll::Ready(Err(error)) = window.poll_room(3, &mut context) else {
            panic!("there is no room, and never will be");
        };
        assert_eq!((error.event.as_str(), error.unacked), ("did:plc:1", 3));
    }
}
