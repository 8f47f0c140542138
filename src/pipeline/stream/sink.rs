//! The sink of a run that is read as a stream: what it takes waits to be asked for.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use tokio::time::sleep;
use tracing::warn;

use super::window::Window;
use crate::{
    error::MemberError,
    event::{Batch, Event, FileMark},
    log::STATE,
    sink::{Sink, SinkContext},
};

/// How many events are taken from a batch at a time. The cursor knows the place of each event in so
/// small a part.
const MAX_PORTION: usize = 64;

/// After how long a wait for acknowledgements is worth a message.
const WARN_AFTER: Duration = Duration::from_secs(10);

/// What a pipeline has for a sink that is read as a [stream](super::Deliveries).
#[derive(Debug)]
pub(super) struct ToStream {
    window: Arc<Window>,
    max_unacked: usize,
}

impl ToStream {
    pub(super) fn new(window: Arc<Window>, max_unacked: usize) -> Self {
        Self {
            window,
            max_unacked: max_unacked.max(1),
        }
    }

    /// Waits for something that depends on deliveries, and says so once where that takes long.
    async fn wait<T>(&self, wait: impl Future<Output = T>, meanwhile: &str) -> T {
        let mut wait = pin!(wait);
        tokio::select! {
            biased;
            done = &mut wait => return done,
            () = sleep(WARN_AFTER) => {}
        }
        if let Some(deliveries) = self.window.waits_for() {
            warn!(target: STATE, deliveries, "{meanwhile} waits for {deliveries} deliveries that are neither acknowledged nor dropped");
        }
        wait.await
    }
}

impl Sink for ToStream {
    fn name(&self) -> String {
        "stream of deliveries".to_owned()
    }

    fn begin(&mut self, _files: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        self.window.begin(context.clone());
        Ok(())
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        let room = poll_fn(|cx| self.window.poll_room(self.max_unacked, cx));
        let room = self.wait(room, "the stream");
        let room = tokio::select! {
            biased;
            room = room => room.map_err(MemberError::other)?,
            () = context.stopped() => {
                // Nobody will ask for them: they are not accepted.
                batch.take(batch.len());
                return Ok(());
            }
        };
        let n = room.min(MAX_PORTION).min(batch.len());
        self.window
            .fill(batch.events().take(n).map(Event::into_owned));
        batch.take(n);
        Ok(())
    }

    async fn finish(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        let settled = poll_fn(|cx| self.window.poll_settled(cx));
        tokio::select! {
            biased;
            () = context.stopped() => {}
            () = self.wait(settled, "the end of the stream") => {}
        }
        self.window.end();
        Ok(())
    }

    async fn abandon(&mut self) {
        self.window.end();
    }
}
