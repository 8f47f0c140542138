//! Whether the end is reached of a stream that is read to its end.
//!
//! A consumer knows what the replica has on which it was made, and that may lag behind the leader
//! of the stream. So where a stream has replicas its leader is asked what was not delivered yet.

use tracing::warn;

use super::{
    super::{inbox::Lost, intake::Intake},
    Session,
};
use crate::{
    event::now_us,
    log::STATE,
    nats::{NatsError, RequestFailed, StoredMessage},
    source::Flow,
};

/// After this number of heartbeats in a row a consumer that does not deliver what the stream has is
/// given up, for another one may be made on a replica that has it.
const MAX_BEATS: u32 = 3;

impl Session {
    /// Whether there was nothing for the consumer when it was made, and that is to be the end.
    pub(in crate::source::nats) async fn is_at_end(
        &self,
        intake: &mut Intake,
    ) -> Result<bool, NatsError> {
        if !intake.exit_at_end || !self.is_empty {
            return Ok(false);
        }
        Ok(!intake.asks_leader || self.undelivered(intake).await?.is_none())
    }

    /// Whether the consumer, which has no more to deliver, has delivered everything.
    pub(super) async fn has_delivered_all(&self, intake: &mut Intake) -> Result<bool, Lost> {
        let undelivered = self.undelivered(intake).await;
        let undelivered = undelivered.map_err(|error| Lost::Status(error.to_string()))?;
        Ok(undelivered.is_none())
    }

    /// The server has nothing: what is to be known now?
    pub(super) async fn beat(&mut self, intake: &mut Intake) -> Result<Option<Flow>, Lost> {
        intake.stats.set_caught_up_us(now_us());
        self.look(intake).await?;
        if !intake.exit_at_end {
            return Ok(None);
        }
        let flow = match self.consumer.info(&self.connection).await {
            Ok(info) if info.num_pending == 0 => Flow::End,
            // Its count may be off; twice nothing is nothing.
            Ok(_) | Err(_) if self.beats >= 2 => Flow::EndAssumed,
            Ok(_) => return Ok(None),
            Err(error) => return Err(Lost::Status(error.to_string())),
        };
        if !intake.asks_leader {
            return Ok(Some(flow));
        }
        let undelivered = self.undelivered(intake).await;
        match undelivered.map_err(|error| Lost::Status(error.to_string()))? {
            None => Ok(Some(Flow::End)),
            Some(seq) => self.wait_for(seq, intake).map(|()| None),
        }
    }

    /// The consumer does not deliver a message that the stream has, because its replica lags.
    fn wait_for(&self, seq: u64, intake: &Intake) -> Result<(), Lost> {
        if self.beats != MAX_BEATS {
            return Ok(());
        }
        if self.inbox.acks.is_none() {
            return Err(Lost::Behind(seq));
        }
        let (stream, name) = (&intake.stream, &self.consumer.name);
        warn!(target: STATE, stream, name, seq, "the consumer '{name}' does not deliver message {seq}, which {stream} has: its replica lags; waiting for it");
        Ok(())
    }

    /// The number of the first message up to the end that the stream has and the consumer has not
    /// delivered.
    async fn undelivered(&self, intake: &mut Intake) -> Result<Option<u64>, NatsError> {
        let next = if self.inbox.acks.is_some() {
            let info = self.consumer.info(&self.connection).await?;
            info.delivered.stream_seq.saturating_add(1)
        } else {
            self.due(&intake.track)
        };
        let is_wanted = |seq: &u64| intake.end.is_none_or(|end| *seq <= end);
        if !is_wanted(&next) {
            return Ok(None);
        }
        let stream = &self.consumer.stream;
        match StoredMessage::next(&self.connection, stream, &self.subjects, next).await {
            Ok(found) => Ok(found.map(|message| message.seq).filter(is_wanted)),
            Err(RequestFailed::Forbidden(_)) => {
                intake.asks_leader = false;
                let stream = &intake.stream;
                warn!(target: STATE, stream, "it is not permitted to ask for messages of {stream} (STREAM.MSG.GET): it ends where the consumer does, and that may lag behind the stream");
                Ok(None)
            }
            Err(failed) => {
                let action = format!("look for the end of the stream '{stream}'");
                Err(self.connection.failed(failed, &action))
            }
        }
    }
}
