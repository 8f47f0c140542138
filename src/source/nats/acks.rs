//! What is owed to a durable consumer: an acknowledgement for each message, once everything up to
//! it is accepted.
//!
//! Without one in time the server gives the message to somebody again, perhaps to us while we still
//! have it.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use async_nats::Subject;
use bytes::Bytes;

use crate::{
    error::MemberError,
    event::Point,
    nats::Connection,
    sink::{DeadLetter, DeadLetterFile},
};

/// How a message is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckKind {
    /// It is done.
    Done,
    /// It is still being worked on.
    InProgress,
    /// Somebody else may have it.
    GivenBack,
    /// Somebody may have it, once this time is over.
    Later(Duration),
    /// Nobody will ever be able to use it.
    Terminate,
}

impl AckKind {
    fn payload(self) -> Bytes {
        match self {
            Self::Done => Bytes::from_static(b"+ACK"),
            Self::InProgress => Bytes::from_static(b"+WPI"),
            Self::GivenBack => Bytes::from_static(b"-NAK"),
            Self::Later(wait) => format!("-NAK {{\"delay\":{}}}", wait.as_nanos()).into(),
            Self::Terminate => Bytes::from_static(b"+TERM"),
        }
    }
}

/// What is to be done with a message that was refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) reply: Subject,
    pub(super) remedy: Remedy,
}

/// How a message that was refused is disposed of.
#[derive(Debug)]
pub(super) enum Remedy {
    /// The server gets this answer.
    Answer(AckKind),
    /// It is kept in a file, and then acknowledged.
    Keep(Letter),
}

/// A message on its way into a file of dead letters.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) file: DeadLetterFile,
    /// The message in its envelope.
    pub(super) event: Vec<u8>,
    pub(super) error: String,
    pub(super) tries: u32,
}

impl Letter {
    /// Writes it to the disk.
    pub(super) async fn send(&self) -> Result<(), MemberError> {
        let letter = DeadLetter {
            event: &self.event,
            error: &self.error,
            status: None,
            stderr: None,
            tries: self.tries,
        };
        self.file.append(letter).await
    }
}

/// The messages that are not accepted yet, in the order in which they were delivered.
#[derive(Debug, Default)]
pub(super) struct Acks {
    order: VecDeque<u64>,
    replies: HashMap<u64, Subject>,
    refused: Vec<Refused>,
}

impl Acks {
    /// Notes a message that was delivered; false if it is here already, and only its latest
    /// delivery is to be answered.
    pub(super) fn note(&mut self, seq: u64, reply: Subject) -> bool {
        let is_new = self.replies.insert(seq, reply).is_none();
        if is_new {
            self.order.push_back(seq);
        }
        is_new
    }

    /// The message that was noted last is not delivered.
    pub(super) fn refuse_last(&mut self, remedy: Remedy) {
        let reply = self.order.pop_back();
        let reply = reply.and_then(|seq| self.replies.remove(&seq));
        self.refused
            .extend(reply.map(|reply| Refused { reply, remedy }));
    }

    /// Everything up to the message at this place is accepted. Returns where that is to be said.
    pub(super) fn accept(&mut self, point: &Point) -> Vec<Subject> {
        let Some(seq) = point.seq.filter(|seq| self.replies.contains_key(seq)) else {
            return Vec::new();
        };
        let up_to = self.order.iter().position(|noted| *noted == seq);
        let done = self.order.drain(..up_to.map_or(0, |at| at + 1));
        done.filter_map(|seq| self.replies.remove(&seq)).collect()
    }

    /// A message that never came in is not delivered either.
    pub(super) fn refuse(&mut self, refused: Refused) {
        self.refused.push(refused);
    }

    pub(super) fn take_refused(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }

    /// Forgets all that were delivered and not accepted. Returns where each is answered.
    pub(super) fn take_all(&mut self) -> Vec<Subject> {
        self.order.clear();
        self.replies.drain().map(|(_, reply)| reply).collect()
    }

    /// Where each message that waits is answered.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Subject> {
        self.replies.values()
    }
}

/// Answers each of these messages alike. Where that fails the server gives the message again.
pub(super) async fn answer(
    connection: &Connection,
    replies: impl IntoIterator<Item = Subject>,
    word: AckKind,
) {
    for reply in replies {
        let sent = connection.client().publish(reply, word.payload()).await;
        if sent.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seq: u64) -> Point {
        Point {
            seq: Some(seq),
            time_us: 1,
            identity: None,
        }
    }

    fn noted(seqs: &[u64]) -> Acks {
        let mut acks = Acks::default();
        for seq in seqs {
            assert!(acks.note(*seq, format!("r{seq}").into()));
        }
        acks
    }

    fn accepted(acks: &mut Acks, seq: u64) -> Vec<String> {
        let replies = acks.accept(&at(seq));
        replies.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn everything_up_to_the_accepted_message_is_acknowledged_once() {
        let mut acks = noted(&[5, 3, 9, 4]);
        assert_eq!(accepted(&mut acks, 3), ["r5", "r3"]);
        assert_eq!(accepted(&mut acks, 3), [""; 0]);
        assert_eq!(accepted(&mut acks, 7), [""; 0]);
        assert_eq!(accepted(&mut acks, 4), ["r9", "r4"]);
        assert_eq!(acks.waiting().count(), 0);
    }

    #[test]
    fn a_redelivery_is_acknowledged_anew_and_delivered_once() {
        let mut acks = noted(&[1, 2]);
        assert!(!acks.note(1, "again".into()));
        assert_eq!(accepted(&mut acks, 2), ["again", "r2"]);
        assert!(acks.note(1, "later".into()));
    }

    #[test]
    fn a_refused_message_is_told_at_once_and_holds_nothing_up() {
        let mut acks = noted(&[1, 2]);
        acks.refuse_last(Remedy::Answer(AckKind::Terminate));
        assert_eq!(acks.take_refused().len(), 1);
        assert_eq!(accepted(&mut acks, 1), ["r1"]);
        assert!(acks.order.is_empty() && acks.replies.is_empty());
    }
}
