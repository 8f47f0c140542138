//! A stream whose events are acknowledged by asking for the next.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::Stream;

use super::Deliveries;
use crate::{event::OwnedEvent, pipeline::Error};

/// Events of which each is accepted when the next one is asked for; see [`Deliveries::auto_ack`].
/// The event that was given last is not accepted by [`Deliveries::finish`], as none was asked for
/// after it.
impl Deliveries<OwnedEvent> {
    /// Accepts the event that was given last, and gives the next one.
    ///
    /// Cancel safety: no event is lost. The last one is accepted by then.
    pub async fn next(&mut self) -> Option<Result<OwnedEvent, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for Deliveries<OwnedEvent> {
    type Item = Result<OwnedEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(last) = self.last.take() {
            last.ack();
        }
        let next = ready!(self.poll_delivery(context));
        Poll::Ready(next.map(|next| {
            let delivery = next?;
            let event = (*delivery).clone();
            self.last = Some(delivery);
            Ok(event)
        }))
    }
}
