//! Single events into a stream, in the fixed format of rjet: the subject is the key, the type is a
//! number in the header `reflex_type`, and the payload is what it is.

use std::sync::Arc;

use async_nats::{HeaderMap, HeaderValue, Request};
use serde::Deserialize;

use super::{
    Connection, NatsError, NatsSettings, RequestFailed, StreamPlan,
    subject::{excerpt, is_subject, takes},
};
use crate::error::MemberError;

/// The header that holds the type of an event, as a number.
pub(crate) const TYPE_HEADER: &str = "reflex_type";

/// The server's numbers of the errors that a stream's messages are smaller, and that another stream
/// takes the subject.
const LARGER_THAN_LIMIT: u64 = 10_054;
const ANOTHER_STREAM: u64 = 10_060;

/// A stream that events are inserted into, by any number of processes and tasks at once. A clone is
/// the same stream.
///
/// ```no_run
/// use rocketman::nats::{EventStream, NatsSettings};
///
/// # async fn insert() -> Result<(), rocketman::MemberError> {
/// let orders = EventStream::open(&NatsSettings::default(), "ORDERS", None).await?;
/// let seq = orders.insert("orders.17.created", 3, r#"{"id":17}"#).await?;
/// println!("it is message {seq}");
/// # Ok(())
/// # }
/// ```
///
/// What is read of it by a [`NatsSource`](crate::source::nats::NatsSource) is an
/// [`Wrapped`](crate::source::nats::Wrapped) with that key, type and payload.
#[derive(Debug, Clone)]
pub struct EventStream {
    connection: Connection,
    name: Arc<str>,
}

/// What the server answers to a message.
#[derive(Deserialize)]
struct Ack {
    #[serde(default)]
    seq: u64,
    error: Option<async_nats::jetstream::Error>,
}

impl EventStream {
    /// The stream of this name. Where it is not there it is made by the plan, and without a plan
    /// that is an error.
    ///
    /// It has a connection of its own, which its clones share.
    pub async fn open(
        settings: &NatsSettings,
        name: &str,
        create: Option<&StreamPlan>,
    ) -> Result<Self, MemberError> {
        let connection = Connection::open(settings).await?;
        let subjects = || vec![name.to_owned()];
        connection
            .look_at_or_make(name, create, subjects, "Made by rocketman")
            .await?;
        Ok(Self {
            connection,
            name: name.into(),
        })
    }

    /// Stores an event, and returns its number in the stream once the server has stored it.
    ///
    /// That is awaited for [`NatsSettings::request_timeout`](super::NatsSettings::request_timeout).
    /// An error whose [reason](MemberError::reason) is that the server did not answer
    /// ([`Reason::NatsSilent`](crate::Reason::NatsSilent)), or cannot just now
    /// ([`Reason::NatsUnavailable`](crate::Reason::NatsUnavailable)), leaves open whether the event
    /// is stored: inserted again it may be there twice, which [`EventStream::insert_once`] excludes.
    ///
    /// Cancel safety: dropped at any time; the event may be stored all the same.
    pub async fn insert(
        &self,
        subject: &str,
        event_type: i64,
        payload: impl Into<Vec<u8>>,
    ) -> Result<u64, MemberError> {
        let stored = self.store(subject, event_type, payload.into(), HeaderMap::new());
        Ok(stored.await?)
    }

    /// Stores an event unless one of this ID is stored already, and returns the number of the one
    /// that is.
    ///
    /// The ID is the header `Nats-Msg-Id`. It holds within the stream's
    /// [window of duplicates](StreamPlan::duplicate_window), so that within this time an event may
    /// be inserted again after any error.
    ///
    /// Cancel safety: dropped at any time; the event may be stored all the same.
    pub async fn insert_once(
        &self,
        id: &str,
        subject: &str,
        event_type: i64,
        payload: impl Into<Vec<u8>>,
    ) -> Result<u64, MemberError> {
        let mut headers = HeaderMap::new();
        let id = id
            .parse::<HeaderValue>()
            .map_err(|_| self.misplaced(subject, "its ID has a line end"))?;
        headers.insert("Nats-Msg-Id", id);
        let stored = self.store(subject, event_type, payload.into(), headers);
        Ok(stored.await?)
    }

    async fn store(
        &self,
        subject: &str,
        event_type: i64,
        payload: Vec<u8>,
        mut headers: HeaderMap,
    ) -> Result<u64, NatsError> {
        if !is_subject(subject) {
            let why = "a subject is words between dots, without blanks, '*' and '>'";
            return Err(self.misplaced(subject, why));
        }
        let bytes = payload.len();
        let max_payload = self.connection.client().server_info().max_payload;
        if max_payload > 0 && bytes > max_payload {
            return Err(self.too_large(bytes, &format!("the server takes {max_payload} at most")));
        }
        headers.insert(TYPE_HEADER, event_type.to_string());
        headers.insert("Nats-Expected-Stream", &*self.name);
        let request = Request::new().headers(headers).payload(payload.into());
        let stored = tokio::select! {
            biased;
            error = self.connection.abandoned() => return Err(error),
            stored = self.connection.ask(subject.to_owned(), subject, request) => stored,
        };
        let answer = match stored {
            Ok(answer) => answer,
            Err(RequestFailed::NobodyThere) => return Err(self.nobody_takes(subject).await),
            Err(failed) => return Err(self.failed(subject, failed)),
        };
        let ack = serde_json::from_slice::<Ack>(&answer);
        let ack = ack.map_err(|error| self.failed(subject, RequestFailed::Client(error.into())))?;
        match ack.error {
            None => Ok(ack.seq),
            Some(error) if error.error_code().0 == LARGER_THAN_LIMIT => {
                Err(self.too_large(bytes, &error.to_string()))
            }
            Some(error) if error.error_code().0 == ANOTHER_STREAM => {
                Err(self.misplaced(subject, "another stream takes it"))
            }
            Some(error) => Err(self.failed(subject, RequestFailed::Answer(error))),
        }
    }

    /// Why nobody answers to a message: no stream takes it, or the one that does has no leader just
    /// now.
    async fn nobody_takes(&self, subject: &str) -> NatsError {
        let info = match self.connection.stream_info(&self.name).await {
            Ok(info) => info,
            Err(error) => return error,
        };
        if info.subjects.iter().any(|taken| takes(taken, subject)) {
            return NatsError::Unavailable {
                action: self.action(subject),
                servers: self.connection.servers().to_owned(),
                answer: "nobody answers for the stream".to_owned(),
            };
        }
        let taken = info.subjects.join(", ");
        self.misplaced(
            subject,
            &format!("no stream takes it, and this one {taken}"),
        )
    }

    fn misplaced(&self, subject: &str, why: &str) -> NatsError {
        NatsError::Misplaced {
            stream: excerpt(&self.name),
            subject: excerpt(subject),
            why: excerpt(why),
        }
    }

    fn too_large(&self, bytes: usize, why: &str) -> NatsError {
        NatsError::TooLarge {
            stream: excerpt(&self.name),
            bytes,
            why: excerpt(why),
        }
    }

    fn failed(&self, subject: &str, failed: RequestFailed) -> NatsError {
        self.connection.failed(failed, &self.action(subject))
    }

    fn action(&self, subject: &str) -> String {
        let (subject, name) = (excerpt(subject), excerpt(&self.name));
        format!("insert '{subject}' into the stream '{name}'")
    }
}
