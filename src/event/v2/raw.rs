//! A frame that is kept as it came: its envelope, with names that lie beside it.

use super::{careful, fast, frame::Frame};
use crate::event::{BadEvent, Envelope, Span, decode, envelope, scan};

/// Reads the envelope of a frame; its names are appended to `side`.
///
/// It is that of the line which the frame would become, so that an event is the same whichever of
/// the two was kept.
pub(in crate::event) fn envelope(frame: &[u8], side: &mut Vec<u8>) -> Result<Envelope, BadEvent> {
    let start = side.len();
    if !fast::cut(frame, side) && careful::cut(frame, side)? != Frame::Event {
        return Err(BadEvent::Envelope);
    }
    let line = side.get_mut(start..).unwrap_or_default();
    let has_control = decode::has_control(line);
    if has_control {
        let len = decode::tidy(line);
        side.truncate(start + len);
    }
    let line = side.get(start..).unwrap_or_default();
    let is_printable =
        |envelope: &Envelope| !has_control || decode::are_names_printable(line, envelope);
    let read = if let Some(envelope) = scan::commit(line).filter(is_printable) {
        Ok(envelope)
    } else {
        let line = side.split_off(start);
        let read = envelope::read(&line, side);
        // What had to be unescaped stays where it is, and the line goes behind it.
        let unescaped = side.len();
        side.extend_from_slice(&line);
        read.map(|envelope| beside(envelope, unescaped))
    };
    let Ok(read) = read else {
        side.truncate(start);
        return Err(BadEvent::Envelope);
    };
    let mut envelope = beside(read, start);
    let ends = envelope.names_mut().map(|name| name.end());
    side.truncate(ends.fold(start, usize::max));
    Ok(envelope)
}

/// The same where the line lies in the side buffer, from `start` on.
fn beside(mut envelope: Envelope, start: usize) -> Envelope {
    for name in envelope.names_mut() {
        if !name.is_unescaped() && *name != Span::default() {
            *name = Span::in_side(start + name.start(), name.len());
        }
    }
    envelope
}
