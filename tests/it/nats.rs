//! NATS JetStream: the connection, and what is told when there is none.

mod connection;
mod source;
