//! NATS JetStream: the connection that its source, its sink and its cursor store share.
//!
//! [`StreamAddress`] and [`KeyAddress`] are what a user types, [`NatsSettings`] adds who that user is, from the variables and
//! contexts of the `nats` command, and [`Connection`] is the result, which gets itself back when it is lost.
//! Nothing here knows events.

mod address;
mod connect;
mod context;
mod error;
mod stored;

pub use self::{
    address::{AddressError, KeyAddress, Servers, StreamAddress},
    connect::{Connection, Status},
    context::{Given, Login, NatsSettings, Secret},
    error::NatsError,
};
pub(crate) use self::{
    connect::RequestFailed,
    stored::{Stored, StoredMessage},
};
