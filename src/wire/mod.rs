//! The bytes that servers and clients exchange, the same whichever of the two we are: frames of a
//! WebSocket, heads of HTTP, the dictionary of compressed events, and the names of the v2 wire.
//!
//! Knows no sockets, and not what is asked or answered.

#[cfg(feature = "zstd")]
pub(crate) mod dictionary;
pub(crate) mod frame;
pub(crate) mod http;
#[allow(dead_code, reason = "what one of the two ends does not say yet")]
pub(crate) mod v2;
