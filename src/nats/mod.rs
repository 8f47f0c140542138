//! NATS JetStream: the connection that its source
//! ([`NatsSource`](crate::source::nats::NatsSource)), its sink
//! ([`NatsSink`](crate::sink::nats::NatsSink)) and its cursor store
//! ([`KvCursor`](crate::cursor::KvCursor)) share.
//!
//! [`StreamAddress`] and [`KeyAddress`] are what a user types, [`NatsSettings`] adds who that user is, from the variables and
//! contexts of the `nats` command, and [`Connection`] is the result, which gets itself back when it
//! is lost. Nothing of the connection knows events.
//! [`EventStream`] inserts single events.
//!
//! For those who come from rjet and reflex there is a table in docs/nats.md.

mod address;
mod carried;
mod connect;
mod context;
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

pub use self::{
    address::{AddressError, KeyAddress, Servers, StreamAddress},
    connect::Connection,
    error::NatsError,
    events::Status,
    insert::EventStream,
    plan::StreamPlan,
    request::StreamInfo,
    settings::{ContextLogin, Login, NatsOverrides, NatsSettings, Secret},
};
pub(crate) use self::{
    carried::{Carried, add_headers},
    insert::TYPE_HEADER,
    request::RequestFailed,
    retry::{AsNats, retry},
    stored::{NO_SUCH_MESSAGE, Stored, StoredMessage},
    subject::{covers, excerpt, takes},
};
