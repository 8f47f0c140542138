//! Where a piece of an event's text lies.

/// Where a piece of text lies: in the event's own line, or in its batch's side buffer when it had
/// to be unescaped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    /// With [`Span::UNESCAPED`] on top.
    len: u32,
}

impl Span {
    /// It lies in the side buffer.
    const UNESCAPED: u32 = 1 << 31;

    /// A range of the line; lines are at most `u32::MAX` bytes because frames are capped far below.
    pub(crate) fn in_line(start: usize, len: usize) -> Self {
        Self {
            start: to_u32(start),
            len: to_u32(len).min(Self::UNESCAPED - 1),
        }
    }

    /// A range of the side buffer.
    pub(crate) fn in_side(start: usize, len: usize) -> Self {
        let span = Self::in_line(start, len);
        Self {
            len: span.len | Self::UNESCAPED,
            ..span
        }
    }

    /// Whether it lies in the side buffer.
    pub(super) fn is_unescaped(self) -> bool {
        self.len & Self::UNESCAPED != 0
    }

    /// The same text where the line has been put after `by` bytes of others.
    #[cfg(any(feature = "nats", feature = "serve"))]
    pub(crate) fn shifted(self, by: usize) -> Self {
        if self.is_unescaped() {
            return self;
        }
        Self {
            start: self.start.saturating_add(to_u32(by)),
            ..self
        }
    }

    /// The text itself; empty when the span does not lie within its buffer.
    pub(crate) fn of<'a>(self, line: &'a [u8], side: &'a [u8]) -> &'a [u8] {
        let buffer = if self.is_unescaped() { side } else { line };
        buffer.get(self.start()..self.end()).unwrap_or_default()
    }

    /// The text itself if it lies in the line and is exactly so long.
    pub(super) fn exactly<const N: usize>(self, line: &[u8]) -> Option<&[u8; N]> {
        line.get(self.start()..)?
            .first_chunk()
            .filter(|_| self.len as usize == N)
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    pub(super) fn len(self) -> usize {
        (self.len & !Self::UNESCAPED) as usize
    }

    /// Where it ends.
    pub(crate) fn end(self) -> usize {
        self.start() + self.len()
    }
}

pub(super) fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
