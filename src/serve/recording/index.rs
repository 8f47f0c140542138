//! Where the blocks of recordings lie: made by reading them once, a few bytes for each.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek},
};

use crate::{
    event::{BadEvent, LineRules, Point, read_envelope},
    serve::block::BLOCK_BYTES,
};

/// A longer line is no event: twice what our own sinks are sent.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// A line that is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged {
    /// Its number in its file, from 1 on.
    pub line: u64,
    /// What is wrong with it.
    pub why: BadEvent,
}

/// The lines of one block: all of them events, or blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) file: usize,
    pub(super) offset: u64,
    pub(super) bytes: usize,
    /// Its first and last event, counted from 1 on.
    pub(super) first_event: u64,
    last_event: u64,
    /// The own number of its last event.
    last_own_number: u64,
    /// The latest time of any event up to its last.
    pub(super) latest_us: u64,
}

/// All blocks of all files.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) parts: Vec<Part>,
    pub(super) n_events: u64,
    pub(super) n_damaged: u64,
    /// Messages of NATS that are no events, which the wire has no form for.
    pub(super) n_messages: u64,
    first_us: u64,
    latest_us: u64,
    /// The own numbers of the events, while all have one and they ascend.
    own_numbers: OwnNumbers,
}

/// What is known of the events' own numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum OwnNumbers {
    #[default]
    NoneYet,
    Ascending {
        first: u64,
        last: u64,
    },
    Unusable,
}

impl OwnNumbers {
    fn with(self, number: Option<u64>) -> Self {
        match (self, number) {
            (Self::NoneYet, Some(number @ 1..)) => Self::Ascending {
                first: number,
                last: number,
            },
            (Self::Ascending { first, last }, Some(number)) if number > last => Self::Ascending {
                first,
                last: number,
            },
            _ => Self::Unusable,
        }
    }
}

impl Index {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether events are served under their own numbers.
    pub(super) fn keeps_numbers(&self) -> bool {
        matches!(self.own_numbers, OwnNumbers::Ascending { .. })
    }

    pub(super) fn first_number(&self) -> u64 {
        match self.own_numbers {
            OwnNumbers::Ascending { first, .. } => first,
            _ => 1,
        }
    }

    pub(super) fn last_number(&self, part: &Part) -> u64 {
        if self.keeps_numbers() {
            part.last_own_number
        } else {
            part.last_event
        }
    }

    /// How far numbers are ahead when everything is served once more.
    pub(super) fn lap_numbers(&self) -> u64 {
        match self.own_numbers {
            OwnNumbers::Ascending { first, last } => last - first + 1,
            _ => self.n_events,
        }
    }

    pub(super) fn first_us(&self) -> u64 {
        self.first_us
    }

    pub(super) fn last_us(&self) -> u64 {
        self.latest_us
    }

    /// Adds a file, read to its end.
    pub(super) fn read(
        &mut self,
        file: usize,
        text: &mut File,
        mut tell: impl FnMut(Damaged),
    ) -> io::Result<()> {
        text.rewind()?;
        let mut reader = BufReader::with_capacity(1024 * 1024, text);
        let (mut buffer, mut side) = (Vec::new(), Vec::new());
        let (mut offset, mut n_lines) = (0, 0);
        let mut open: Option<Part> = None;
        loop {
            buffer.clear();
            side.clear();
            let mut bytes = (&mut reader)
                .take(LONGEST_LINE as u64)
                .read_until(b'\n', &mut buffer)? as u64;
            if bytes == 0 {
                break;
            }
            n_lines += 1;
            let is_too_long = bytes == LONGEST_LINE as u64 && !buffer.ends_with(b"\n");
            if is_too_long {
                bytes += skip_line(&mut reader)?;
            }
            let line = buffer.trim_ascii();
            let envelope = match read_envelope(line, &mut side, LineRules::default()) {
                _ if is_too_long => Err(BadEvent::TooLarge),
                result => result,
            };
            match envelope {
                Ok(envelope) => {
                    let part = open.get_or_insert_with(|| self.begin(file, offset));
                    self.count(part, envelope.point.seq, envelope.point.time_us);
                    part.bytes += usize::try_from(bytes).unwrap_or_default();
                    if part.bytes >= BLOCK_BYTES {
                        self.parts.extend(open.take());
                    }
                }
                Err(_) if line.is_empty() => {
                    if let Some(part) = &mut open {
                        part.bytes += usize::try_from(bytes).unwrap_or_default();
                    }
                }
                Err(_) if !is_too_long && Point::of_message(line).is_some() => {
                    self.parts.extend(open.take());
                    self.n_messages += 1;
                }
                Err(why) => {
                    self.parts.extend(open.take());
                    self.n_damaged += 1;
                    tell(Damaged { line: n_lines, why });
                }
            }
            offset += bytes;
        }
        self.parts.extend(open);
        Ok(())
    }

    fn begin(&self, file: usize, offset: u64) -> Part {
        Part {
            file,
            offset,
            bytes: 0,
            first_event: self.n_events + 1,
            last_event: 0,
            last_own_number: 0,
            latest_us: 0,
        }
    }

    fn count(&mut self, part: &mut Part, number: Option<u64>, time_us: u64) {
        if self.n_events == 0 {
            self.first_us = time_us;
        }
        self.n_events += 1;
        self.latest_us = self.latest_us.max(time_us);
        self.own_numbers = self.own_numbers.with(number);
        part.latest_us = self.latest_us;
        part.last_event = self.n_events;
        part.last_own_number = number.unwrap_or_default();
    }
}

/// Steps over the rest of a line, and returns how long it was.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        let end = memchr::memchr(b'\n', buffer);
        let used = end.map_or(buffer.len(), |at| at + 1);
        reader.consume(used);
        skipped += used as u64;
        if end.is_some() {
            return Ok(skipped);
        }
    }
}
