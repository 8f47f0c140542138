//! Frames of the v2 wire, and how they become the one stable line: byte for byte what the v1 wire
//! of the same server would have sent (protocol reference, sections 1.7 and 2.2).
//!
//! A commit in the servers' own order of members is cut without looking at its record. Everything
//! else is read with care: other kinds, another order, escapes where none are expected, what is no
//! event at all.

mod careful;
mod fast;
mod frame;
mod raw;
mod time;
mod usual;

#[cfg(test)]
mod tests;

pub(crate) use self::frame::{Frame, Notice};
pub(super) use self::raw::envelope;
pub(crate) use self::usual::{Second, cut as cut_usual};
use super::BadEvent;

/// Appends the line of a frame's event to `out`, without a line end; leaves `out` as it was where
/// there is none. With `validate` all of the frame is parsed.
#[inline]
pub(crate) fn cut(frame: &[u8], out: &mut Vec<u8>, validate: bool) -> Result<Frame, BadEvent> {
    if !validate && fast::cut(frame, out) {
        return Ok(Frame::Event);
    }
    careful::cut(frame, out)
}

/// The same in the fast way alone; false where it gives up.
#[cfg(any(test, fuzzing))]
pub(crate) fn cut_fast(frame: &[u8], out: &mut Vec<u8>) -> bool {
    fast::cut(frame, out)
}
