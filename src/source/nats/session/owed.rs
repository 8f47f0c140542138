//! What is owed to the server: acknowledgements, signs of progress, and messages that are given
//! back.

use std::{convert::Infallible, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{
    super::{
        acks::{self, AckKind, Acks, Refused, Remedy},
        consumer::Consumer,
        inbox::Lost,
    },
    CLOSE_TIMEOUT, Session,
};
use crate::{error::MemberError, event::Point};

/// As [`CLOSE_TIMEOUT`], where messages are given back: what is on its way has to come first.
const RETURN_TIMEOUT: Duration = Duration::from_secs(2);

impl Session {
    /// Refuses a message that was delivered and could not be read. The server goes by the message's
    /// number alone.
    pub(in crate::source::nats) fn refuse(&mut self, seq: u64, remedy: Remedy) {
        let Consumer { stream, name, .. } = &self.consumer;
        let number = self.delivered.consumer_seq;
        let reply = format!("$JS.ACK.{stream}.{name}.1.{seq}.{number}.0.0").into();
        if let Some(acks) = &mut self.inbox.acks {
            acks.refuse(Refused { reply, remedy });
        }
    }

    /// Takes over what is still owed to the consumer.
    pub(in crate::source::nats) fn owe(&mut self, acks: Acks) {
        self.inbox.acks = Some(acks);
    }

    /// Tells the server what is accepted, and of what is not that it is being worked on. Nothing to
    /// do where nothing is owed.
    pub(super) async fn acknowledge(&mut self) -> Result<(), Lost> {
        let (Some(acks), Some((every, next))) = (&mut self.inbox.acks, &mut self.progress) else {
            return Ok(());
        };
        let point = *self.accepted.borrow_and_update();
        let done = point.map_or_else(Vec::new, |point| acks.accept(&point));
        acks::answer(&self.connection, done, AckKind::Done).await;
        let refused = acks.take_refused();
        if *next <= Instant::now() {
            *next = Instant::now() + *every;
            self.inbox.gather();
            acks::answer(&self.connection, self.inbox.waiting(), AckKind::InProgress).await;
        }
        for refused in refused {
            self.dispose(refused).await?;
        }
        Ok(())
    }

    /// Does what was decided about a message that cannot be delivered.
    pub(super) async fn dispose(&self, Refused { reply, remedy }: Refused) -> Result<(), Lost> {
        let word = match remedy {
            Remedy::Answer(word) => word,
            Remedy::Keep(letter) => {
                letter.send().await.map_err(|error| {
                    let what = "a message that cannot be delivered is not kept".to_owned();
                    MemberError::caused(what, error)
                })?;
                AckKind::Done
            }
        };
        acks::answer(&self.connection, [reply], word).await;
        Ok(())
    }

    /// Answers the server while the sink takes nothing. Never ends by itself.
    ///
    /// Cancel safety: dropped at any time.
    pub(in crate::source::nats) async fn idle(&mut self) -> Infallible {
        loop {
            is_owed(&mut self.accepted, self.progress.as_ref()).await;
            if self.acknowledge().await.is_err() {
                // The next read meets it again.
                std::future::pending::<()>().await;
            }
        }
    }

    /// What is still owed, for another consumer of the same name.
    pub(in crate::source::nats) fn into_acks(self) -> Option<Acks> {
        self.inbox.acks
    }

    /// Has the server forget the consumer, or gives back to a durable one what nobody has read, as
    /// far as that is quickly done. What is still owed is returned.
    pub(in crate::source::nats) async fn close(mut self) -> Option<Acks> {
        // What is not kept as a dead letter now comes again.
        self.acknowledge().await.ok();
        let is_shared = self.inbox.acks.is_some();
        let closing = async {
            if is_shared {
                self.inbox.gather_rest().await;
                let unread: Vec<_> = self.inbox.unread_replies().cloned().collect();
                acks::answer(&self.connection, unread, AckKind::GivenBack).await;
            } else {
                let client = self.connection.client();
                client.publish(self.consumer.delete(), "".into()).await.ok();
            }
            self.connection.client().flush().await.ok();
        };
        let limit = if is_shared {
            RETURN_TIMEOUT
        } else {
            CLOSE_TIMEOUT
        };
        timeout(limit, closing).await.ok();
        self.into_acks()
    }
}

/// Resolves when something is to be sent to the server; never where nothing is owed.
pub(super) async fn is_owed(
    accepted: &mut watch::Receiver<Option<Point>>,
    progress: Option<&(Duration, Instant)>,
) {
    let Some((_, next)) = progress else {
        return std::future::pending().await;
    };
    tokio::select! {
        Ok(()) = accepted.changed() => {}
        () = sleep_until(*next) => {}
    }
}
