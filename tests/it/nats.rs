//! NATS JetStream: the connection, the sink, and what is told when something is not as it should be.

mod certificates;
mod connection;
mod login;
mod sink;
mod source;
mod workers;
