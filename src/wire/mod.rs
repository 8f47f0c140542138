//! The bytes that servers and clients exchange, the same whichever of the two we are: frames of a
//! WebSocket, heads of HTTP, and the dictionary of compressed events.
//!
//! Knows no sockets, and not what is asked or answered.

#[cfg(feature = "zstd")]
pub(crate) mod dictionary;
pub(crate) mod frame;
pub(crate) mod http;
