//! What our two listeners share, `serve` and the metrics page: how much of a request is read, how
//! many requests may be unfinished, and which names and pages are answered.
//!
//! Neither what is served nor how it is answered.

mod gate;
mod guests;
mod head;
mod pages;

pub(crate) use self::{
    gate::{Gate, Refusal},
    guests::{Guest, Guests},
    head::{Head, read_head},
};
pub use self::{
    gate::{GateError, HostPattern, OriginPattern},
    pages::{Page, PageServer},
};
