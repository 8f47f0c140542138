//! The v2 wire from the server's side: its frames, its query, and its dictionary.
//!
//! Protocol reference, section 2. The same events under the same numbers as on the v1 wire.

pub(super) mod dictionary;
pub(super) mod endpoint;
pub(super) mod frame;
pub(super) mod query;
