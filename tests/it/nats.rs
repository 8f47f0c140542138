//! NATS JetStream: the connection, the sink, the source, the cursor store, and what is told when
//! something is not as it should be.

mod certificates;
mod connection;
mod copies;
mod cursor;
mod cursor_command;
mod given_up;
mod hostile;
mod insert;
mod login;
mod queue;
mod recordings;
mod remote;
mod rotation;
mod shares;
mod sink;
pub(crate) mod source;
mod tables;
mod unavailable;
mod unreadable;
mod workers;
