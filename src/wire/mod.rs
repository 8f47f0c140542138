//! The bytes that servers and clients exchange, the same whichever of the two we are: frames of a
//! WebSocket, heads of HTTP, the dictionary of compressed events, the names of the v2 wire, and records as DAG-CBOR.
//!
//! Knows no sockets but in `dial/`, connections to servers, and not what is asked or answered.

#[cfg(any(feature = "segments", feature = "serve"))]
#[cfg_attr(
    not(all(feature = "segments", feature = "serve")),
    allow(dead_code, unused_imports, reason = "they need different ways")
)]
pub(crate) mod cbor;
pub(crate) mod dial;
#[cfg(feature = "zstd")]
pub(crate) mod dictionary;
pub(crate) mod frame;
pub(crate) mod http;
#[allow(dead_code, reason = "what one of the two ends does not say yet")]
pub(crate) mod v2;
