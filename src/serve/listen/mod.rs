//! What our two listeners share, `serve` and the metrics page: how much of a request is read, how
//! many requests may be unfinished, and which names and pages are answered.
//!
//! Neither what is served nor how it is answered.

mod gate;
mod head;
mod pages;
mod pending;

pub(crate) use self::{
    gate::{Gate, Refusal},
    head::{Head, read_head},
    pending::{PendingRequest, PendingRequests},
};
pub use self::{
    gate::{GateError, HostPattern, OriginPattern},
    pages::{Page, PageServer},
};
