//! Either way of running programs, as one.

use std::sync::Arc;

use super::{
    context::{Delivery, ExecContext, Outcome},
    per_event::PerEvent,
    stream::Stream,
};
use crate::{error::MemberError, sink::lanes::Ticket};

/// The programs of a run.
#[derive(Debug)]
pub(super) enum Runner {
    PerEvent(PerEvent),
    Stream(Box<Stream>),
}

impl Runner {
    pub(super) fn new(context: ExecContext) -> Self {
        let context = Arc::new(context);
        match context.settings.in_flight {
            None => Self::PerEvent(PerEvent::new(context)),
            Some(in_flight) => Self::Stream(Box::new(Stream::new(&context, in_flight.get()))),
        }
    }

    /// Begins with an event.
    pub(super) fn begin(&mut self, ticket: Ticket, delivery: Delivery) {
        match self {
            Self::PerEvent(per_event) => per_event.begin(ticket, delivery),
            Self::Stream(stream) => stream.begin(ticket, delivery),
        }
    }

    /// Whether every event that has begun is through.
    pub(super) fn is_idle(&self) -> bool {
        match self {
            Self::PerEvent(per_event) => per_event.is_idle(),
            Self::Stream(stream) => stream.is_idle(),
        }
    }

    /// Takes back what no program has got yet: something went wrong for good.
    pub(super) fn leave_rest(&mut self) {
        if let Self::Stream(stream) = self {
            stream.leave_rest();
        }
    }

    /// Lets programs that live on come to their end.
    pub(super) fn close(&mut self) {
        if let Self::Stream(stream) = self {
            stream.close();
        }
    }

    /// Whether no program runs any more after that.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::PerEvent(per_event) => per_event.is_idle(),
            Self::Stream(stream) => stream.is_closed(),
        }
    }

    /// Adds what has become of events that are through, as soon as something has happened; waits
    /// for ever when nothing can.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn next(
        &mut self,
        through: &mut Vec<(Ticket, Outcome)>,
    ) -> Result<(), MemberError> {
        match self {
            Self::PerEvent(per_event) => {
                through.push(per_event.next().await);
                Ok(())
            }
            Self::Stream(stream) => stream.next(through).await,
        }
    }
}
