//! NATS JetStream: the connection that its source
//! ([`NatsSource`](crate::source::nats::NatsSource)), its sink
//! ([`NatsSink`](crate::sink::nats::NatsSink)) and its cursor store
//! ([`KvCursor`](crate::cursor::KvCursor)) share.
//!
//! [`NatsSettings`] says where servers are and who asks, and the connection gets itself back when it
//! is lost. Nothing of it knows events. [`EventStream`] inserts single events.
//!
//! For those who come from rjet and reflex there is a table in docs/nats.md.

mod carried;
mod connect;
mod error;
mod events;
mod insert;
mod login;
mod options;
mod plan;
mod request;
mod retry;
mod settings;
mod stored;
mod subject;

pub(crate) use self::{
    carried::{Carried, add_headers},
    connect::Connection,
    error::NatsError,
    events::Status,
    insert::TYPE_HEADER,
    request::RequestFailed,
    retry::{log_failure, retry},
    stored::{NO_SUCH_MESSAGE, Stored, StoredMessage},
    subject::{covers, excerpt, meet, takes},
};
pub use self::{
    insert::EventStream,
    plan::StreamPlan,
    settings::{Login, NatsSettings},
};
