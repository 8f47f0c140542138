//! A message of a stream, and what its key is made of.

use std::{fmt, sync::Arc};

use async_nats::HeaderMap;

use super::delivery::Delivery;
use crate::nats::TYPE_HEADER;

/// A message of a stream, as its [key](super::NatsSource::key) is made of it.
#[derive(Debug, Clone)]
pub struct NatsMessage<'a> {
    pub(super) seq: u64,
    /// When the server stored it, in nanoseconds since 1970.
    pub(super) time_ns: u64,
    pub(super) subject: &'a str,
    pub(super) headers: Option<&'a HeaderMap>,
    pub(super) payload: &'a [u8],
    /// Its key, where that is not the subject.
    pub(super) key: Option<String>,
}

impl<'a> NatsMessage<'a> {
    pub(super) fn new(message: &'a async_nats::Message, delivery: Delivery) -> Self {
        Self {
            seq: delivery.seq,
            time_ns: delivery.time_ns,
            subject: &message.subject,
            headers: message.headers.as_ref(),
            payload: &message.payload,
            key: None,
        }
    }

    /// Gives it the key that was asked for.
    pub(super) fn with_key(mut self, key: Option<&MessageKey>) -> Self {
        self.key = key.map(|MessageKey(key)| key(&self));
        self
    }

    /// Its number in the stream.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// When the server stored it, in microseconds since 1970.
    pub fn time_us(&self) -> u64 {
        self.time_ns / 1000
    }

    /// Its subject.
    pub fn subject(&self) -> &'a str {
        self.subject
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let value = self.headers?.get(name)?;
        Some(value.as_str())
    }

    /// Its payload.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// What rjet calls the type, the number in the header `reflex_type`: 0 without it, and `None`
    /// where it is no number.
    pub fn event_type(&self) -> Option<i64> {
        match self.header(TYPE_HEADER) {
            Some(number) => number.trim().parse().ok(),
            None => Some(0),
        }
    }

    pub(super) fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(self.subject)
    }
}

/// How the key of a message is made.
#[derive(Clone)]
pub(super) struct MessageKey(Arc<KeyFunction>);

type KeyFunction = dyn Fn(&NatsMessage<'_>) -> String + Send + Sync;

impl MessageKey {
    /// What this function says of a message.
    pub(super) fn new(key: impl Fn(&NatsMessage<'_>) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(key))
    }
}

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageKey")
    }
}
