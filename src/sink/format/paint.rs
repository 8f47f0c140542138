//! Colours of a terminal.

/// The number of a way to show text; 0 is the usual one.
pub(super) type Style = u8;

pub(super) const PLAIN: Style = 0;
pub(super) const DIM: Style = 2;
pub(super) const RED: Style = 31;
pub(super) const GREEN: Style = 32;
pub(super) const YELLOW: Style = 33;
pub(super) const BLUE: Style = 34;
pub(super) const MAGENTA: Style = 35;
pub(super) const CYAN: Style = 36;

/// Appends text in a colour.
pub(super) fn paint(text: &[u8], style: Style, out: &mut Vec<u8>) {
    if style == PLAIN || text.is_empty() {
        out.extend_from_slice(text);
        return;
    }
    out.extend_from_slice(b"\x1b[");
    if style >= 10 {
        out.push(b'0' + style / 10);
    }
    out.extend_from_slice(&[b'0' + style % 10, b'm']);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\x1b[0m");
}
