//! What is counted of events: how many, when, in which order, and which came before.

use std::collections::{HashSet, VecDeque};

use rocketman::event::{Identity, Point};

/// How many events are remembered.
const MAX_REMEMBERED_EVENTS: usize = 1_000_000;

/// A longer line is no event: twice what servers may send.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// What is known of the events so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) events: u64,
    /// Messages of NATS that are no events, in their envelopes.
    pub(super) messages: u64,
    pub(super) bad_lines: u64,
    pub(super) first_bad_line: Option<u64>,
    pub(super) first_time_us: Option<u64>,
    pub(super) last_time_us: Option<u64>,
    pub(super) times_back: u64,
    pub(super) numbers_back: u64,
    pub(super) repeats: u64,
    before: Option<Point>,
}

/// The latest events, by what they are.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    known: HashSet<Identity>,
    order: VecDeque<Identity>,
}

impl Repeats {
    /// Whether it is one of them; from now on it is.
    fn is_repeat(&mut self, identity: Identity) -> bool {
        if !self.known.insert(identity) {
            return true;
        }
        if self.order.len() == MAX_REMEMBERED_EVENTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(identity);
        false
    }
}

impl Tally {
    /// Counts an event, or a message of NATS.
    pub(super) fn add(&mut self, point: &Point, repeats: &mut Repeats) {
        let time_us = point.time_us;
        self.first_time_us = Some(
            self.first_time_us
                .map_or(time_us, |first| first.min(time_us)),
        );
        self.last_time_us = Some(self.last_time_us.map_or(time_us, |last| last.max(time_us)));
        if let Some(before) = &self.before {
            self.times_back += u64::from(time_us < before.time_us);
            let goes_back = point
                .seq
                .zip(before.seq)
                .is_some_and(|(now, then)| now <= then);
            self.numbers_back += u64::from(goes_back);
        }
        self.before = Some(*point);
        let is_repeat = point
            .identity
            .is_some_and(|identity| repeats.is_repeat(identity));
        self.repeats += u64::from(is_repeat);
    }
}

/// Puts lines together from the parts in which they come, and counts what they are.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    pub(super) tally: Tally,
    repeats: &'a mut Repeats,
    /// What came of the line so far.
    line: Vec<u8>,
    /// It is too long, and what comes of it is left out.
    is_too_long: bool,
    ended: u64,

    /// Bytes up to here, and up to the end of the last line that is an event or blank.
    at: u64,
    pub(super) good: u64,
    /// Bad lines up to there.
    pub(super) bad_within: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn new(repeats: &'a mut Repeats) -> Self {
        Self {
            tally: Tally::default(),
            repeats,
            line: Vec::new(),
            is_too_long: false,
            ended: 0,

            at: 0,
            good: 0,
            bad_within: 0,
        }
    }

    /// Takes more of the text.
    pub(super) fn take(&mut self, mut text: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', text) {
            let (line, rest) = text.split_at(end + 1);
            self.push(line);
            self.end_line();
            text = rest;
        }
        self.push(text);
    }

    /// Takes a last line without a line end for a line, if it is an event. Returns whether there is
    /// nothing, or just that.
    pub(super) fn finish(&mut self) -> bool {
        if self.line.is_empty() && !self.is_too_long {
            return true;
        }
        let bad = self.tally.bad_lines;
        self.end_line();
        self.tally.bad_lines == bad
    }

    /// Whether a line has begun and not ended.
    pub(super) fn is_within_line(&self) -> bool {
        !self.line.is_empty() || self.is_too_long
    }

    fn push(&mut self, part: &[u8]) {
        self.at += part.len() as u64;
        if self.line.len() + part.len() > MAX_LINE_BYTES {
            self.is_too_long = true;
        }
        if !self.is_too_long {
            self.line.extend_from_slice(part);
        }
    }

    fn end_line(&mut self) {
        self.ended += 1;
        let line = self.line.trim_ascii();
        let event = Point::of_line(line);
        let message = match event {
            Ok(_) => None,
            Err(_) => Point::of_message(line),
        };
        let is_blank = line.is_empty() && !self.is_too_long;
        match event.ok().or(message) {
            Some(point) if !self.is_too_long => {
                self.tally.events += u64::from(message.is_none());
                self.tally.messages += u64::from(message.is_some());
                self.tally.add(&point, self.repeats);
                self.good = self.at;
                self.bad_within = self.tally.bad_lines;
            }
            _ if is_blank => {
                self.good = self.at;
                self.bad_within = self.tally.bad_lines;
            }
            _ => {
                self.tally.bad_lines += 1;
                self.tally.first_bad_line.get_or_insert(self.ended);
            }
        }
        self.line.clear();
        self.is_too_long = false;
    }
}
