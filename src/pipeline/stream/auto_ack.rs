//! A stream whose events are acknowledged by asking for the next.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::Stream;

use super::{Deliveries, Delivery};
use crate::{
    event::OwnedEvent,
    pipeline::{Error, Summary},
};

/// Events of which each is accepted when the next one is asked for; from [`Deliveries::auto_ack`].
#[derive(Debug)]
pub struct AutoAck {
    deliveries: Deliveries,
    last: Option<Delivery>,
}

impl AutoAck {
    pub(super) fn new(deliveries: Deliveries) -> Self {
        Self {
            deliveries,
            last: None,
        }
    }

    /// Accepts the event that was given last, and gives the next one; see [`Deliveries::next`].
    ///
    /// Cancel safety: no event is lost. The last one is accepted by then.
    pub async fn next(&mut self) -> Option<Result<OwnedEvent, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// See [`Deliveries::finish`]. The event that was given last is not accepted, as none was asked
    /// for after it.
    pub async fn finish(self) -> Result<Summary, Error> {
        let Self { deliveries, last } = self;
        drop(last);
        deliveries.finish().await
    }
}

impl Stream for AutoAck {
    type Item = Result<OwnedEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(last) = self.last.take() {
            last.ack();
        }
        let next = ready!(Pin::new(&mut self.deliveries).poll_next(context));
        Poll::Ready(next.map(|next| {
            let delivery = next?;
            let event = (*delivery).clone();
            self.last = Some(delivery);
            Ok(event)
        }))
    }
}
