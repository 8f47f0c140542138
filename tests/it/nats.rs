//! NATS JetStream: the connection, the sink, and what is told when something is not as it should be.

mod certificates;
mod connection;
mod login;
mod sink;
pub(crate) mod source;
mod workers;
