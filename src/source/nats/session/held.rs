//! A message that waits until it is old enough and it is known why numbers before it are left out,
//! and what the stream is looked at for.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{
    super::{
        consumer::state_of,
        inbox::{Held, Lost, too_young},
        intake::{Counts, Intake},
        track::Gap,
    },
    Session, lost,
};
use crate::{event::Batch, source::Flow};

/// How often a stream is looked at because numbers are left out, where that ends nothing.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The same where only some subjects are read: then numbers are left out all the time.
const PART_LOOK_INTERVAL: Duration = Duration::from_secs(5);

impl Session {
    /// Admits the message that waits, once it may be: it is old enough, and it is known why numbers
    /// before it are left out. Waits for that only while the batch is empty.
    pub(super) async fn release(
        &mut self,
        intake: &mut Intake,
        batch: &mut Batch,
    ) -> Result<Option<Flow>, Lost> {
        let Some(Held { delivery, .. }) = &self.held else {
            return Ok(None);
        };
        if let Some(wait) = too_young(intake, delivery.time_ns) {
            if batch.reached().is_some() {
                return Ok(None);
            }
            let due = Instant::now() + wait;
            intake.stats.set_alive_until(due + self.silence);
            tokio::select! {
                () = lost(&mut self.status, self.losses) => return Err(Lost::Disconnected),
                () = sleep_until(due) => self.last_frame = Instant::now(),
            }
        }
        self.look(intake).await?;
        let Some(Held { message, delivery }) = self.held.take() else {
            return Ok(None);
        };
        let mut counts = Counts::default();
        let outcome = self
            .inbox
            .admit(intake, &message, delivery, batch, &mut counts);
        intake.note(batch, &counts);
        outcome.transpose().map_err(Lost::Fatal)
    }

    /// Numbers were left out: where the first message of the stream is beyond them, they were
    /// removed before they could be read.
    pub(super) async fn look(&mut self, intake: &mut Intake) -> Result<(), Lost> {
        let Some(left_out) = intake.left_out else {
            return Ok(());
        };
        let info = self.connection.look_at(&self.consumer.stream).await;
        let every = if intake.is_part {
            PART_LOOK_INTERVAL
        } else {
            LOOK_INTERVAL
        };
        self.next_look = Instant::now() + every;
        self.last_frame = Instant::now();
        let state = match info {
            Ok(info) => state_of(&info),
            // Without the answer it is not known, and it will be asked again by the next consumer.
            Err(error) => return Err(Lost::Status(error.to_string())),
        };
        intake.left_out = None;
        if state.first_seq > left_out {
            let next = self.held.as_ref().map(|held| held.delivery.seq);
            let to = next.map_or(state.first_seq, |next| next.min(state.first_seq));
            let from = left_out.saturating_sub(1);
            intake.report_gap(Gap::Removed { from, to })?;
        }
        Ok(())
    }
}
