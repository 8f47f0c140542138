//! What the server says to a message, and what that means.

use async_nats::StatusCode;
use serde::Deserialize;
use tokio::time::Instant;

use super::{Answer, Outgoing, StreamError, Writer};
use crate::{
    error::MemberError,
    log::printable,
    nats::{NatsError, RequestFailed, takes},
};

/// The server's numbers of its errors.
mod code {
    pub(super) const MESSAGE_TOO_LARGE: u64 = 10_054;
    pub(super) const ANOTHER_STREAM: u64 = 10_060;
    pub(super) const WRONG_LAST: [u64; 3] = [10_070, 10_071, 10_164];
    pub(super) const STORE_FAILED: u64 = 10_077;
}

/// What comes back for a message.
#[derive(Debug, Deserialize)]
struct Ack {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    error: Option<async_nats::jetstream::Error>,
}

impl Writer {
    pub(super) fn take_answer(&mut self, message: &async_nats::Message) -> Result<(), MemberError> {
        let reply = message
            .subject
            .strip_prefix(&*self.inbox)
            .and_then(|rest| rest.strip_prefix('.')?.split_once('.'))
            .and_then(|(generation, number)| {
                Some((generation.parse().ok()?, number.parse().ok()?))
            });
        let Some(reply) = reply else {
            return Ok(());
        };
        self.heard = Instant::now();
        let answer = if message.status == Some(StatusCode::NO_RESPONDERS) {
            self.check_subject(reply.1)?;
            // Nobody leads the stream just now: the look will tell.
            Answer::Refused
        } else {
            let Ok(ack) = serde_json::from_slice::<Ack>(&message.payload) else {
                return Ok(());
            };
            match ack.error {
                None if ack.duplicate => {
                    if ack.seq == 0 {
                        // 2.10 says so instead of refusing it.
                        self.refused = Some("it has taken events that it cannot store".to_owned());
                    }
                    Answer::Duplicate(ack.seq)
                }
                None => Answer::Stored(ack.seq),
                Some(error) => self.refusal(reply.1, error)?,
            }
        };
        if matches!(answer, Answer::Stored(_)) {
            self.backoff.reset();
            self.note_stored();
        }
        let accepted = self.chain.answer(reply, answer);
        self.context.accept(accepted);
        Ok(())
    }

    /// Whether a refusal is one that a look at the stream may heal.
    fn refusal(
        &mut self,
        number: u64,
        error: async_nats::jetstream::Error,
    ) -> Result<Answer, MemberError> {
        let stream = printable(&self.stream);
        let answer = printable(&error.to_string());
        Err(match error.error_code().0 {
            code if code::WRONG_LAST.contains(&code) => return Ok(Answer::Refused),
            code::STORE_FAILED => StreamError::Full { stream, answer }.into(),
            code::MESSAGE_TOO_LARGE => match self.chain.get(number) {
                Some(outgoing) => self.too_large(outgoing, answer).into(),
                None => StreamError::Refused { stream, answer }.into(),
            },
            code::ANOTHER_STREAM => StreamError::Overlap {
                stream,
                keeps_subjects: self.format.keeps_subjects(),
            }
            .into(),
            _ => match self
                .connection
                .failed(RequestFailed::Answer(error), &self.action())
            {
                // Whatever of it was left out is sent again after the stream's last message.
                NatsError::Unavailable { answer, .. } => {
                    self.refused = Some(answer);
                    return Ok(Answer::Refused);
                }
                NatsError::Answer { answer, .. } => StreamError::Refused { stream, answer }.into(),
                failed => failed.into(),
            },
        })
    }

    /// Fails where the stream cannot take a message for its subject, so that nobody ever will.
    fn check_subject(&self, number: u64) -> Result<(), StreamError> {
        let Some(Outgoing { subject, .. }) = self.chain.get(number) else {
            return Ok(());
        };
        let subjects = &self.info.config.subjects;
        if subjects.iter().any(|pattern| takes(pattern, subject)) {
            return Ok(());
        }
        Err(StreamError::NoSubject {
            stream: printable(&self.stream),
            subjects: printable(&subjects.join(", ")),
            subject: printable(subject),
        })
    }

    pub(super) fn too_large(&self, outgoing: &Outgoing, answer: String) -> StreamError {
        StreamError::TooLarge {
            stream: printable(&self.stream),
            event: printable(&format!(
                "an event of {} ({}, {} bytes)",
                outgoing.key,
                outgoing.subject,
                outgoing.payload.len()
            )),
            answer,
        }
    }
}
