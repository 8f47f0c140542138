//! The events between us and the stream: which are on their way, what each has to come after, and
//! what became of them.
//!
//! Each message is tied to the one before, so that the server refuses whatever follows a hole. Then
//! the stream's last message says what is stored, and everything after it is sent again. Nothing
//! here waits or talks to a server.

use std::collections::VecDeque;

use super::message::{Link, Outgoing, Tail};
use crate::event::Identity;

/// How many messages come with one answer, which speaks for all before it; the last one there is
/// asks for one as well.
const ACK_INTERVAL_MESSAGES: u64 = 32;

/// What is not certainly stored yet, in order.
#[derive(Debug)]
pub(super) struct Chain {
    entries: VecDeque<Entry>,
    /// The number of the first entry; they are counted from the first event on.
    first: u64,
    /// The lines of all entries, in bytes.
    bytes: usize,
    /// How many of the entries are sent.
    sent: usize,
    /// Answers to what was sent before the last look at the stream are of no interest any more.
    generation: u64,
    /// The last message that is known to be stored: its number and its event.
    stored: (u64, Option<Identity>),
    /// The next message is the first one since the stream was looked at.
    is_fresh: bool,
    /// An answer is asked for with each message up to this number.
    careful_until: u64,
    /// The last number that an answer was asked for, and the last that was answered.
    asked: Option<u64>,
    answered: Option<u64>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Something was refused: what else was sent is waited for, and then the stream is looked at.
    Draining,
    /// Answers may be lost: the stream has to be looked at.
    Lost,
}

/// An event, or only its place where it needs no sending.
#[derive(Debug)]
enum Entry {
    Event(Outgoing),
    /// It is in the stream already, further up.
    Repeat,
}

impl Entry {
    fn id(&self) -> Option<Identity> {
        match self {
            Self::Event(outgoing) => Some(outgoing.id),
            Self::Repeat => None,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Event(outgoing) => outgoing.len(),
            Self::Repeat => 0,
        }
    }
}

/// What the server said to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is stored under this number.
    Stored(u64),
    /// The event was stored before, under this number; 0 where it came before and is not stored.
    Duplicate(u64),
    /// It does not come after the last message of the stream.
    Refused,
}

/// Why the stream's last message cannot be gone on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// Somebody else wrote it.
    AnotherWriter,
    /// It lies before what was stored already.
    Shorter,
}

/// Which message an answer belongs to: since how many looks at the stream, and its number.
pub(super) type Reply = (u64, u64);

/// A message that is to be sent now.
#[derive(Debug)]
pub(super) struct Next<'a> {
    pub(super) outgoing: &'a Outgoing,
    pub(super) link: Link,
    /// Where the answer goes, if one is asked for.
    pub(super) reply: Option<Reply>,
}

impl Chain {
    /// Goes on after this message of the stream.
    pub(super) fn new(tail: &Tail) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            bytes: 0,
            sent: 0,
            generation: 0,
            stored: (tail.seq, tail.id),
            is_fresh: true,
            // A stream that is taken over may hold what comes first.
            careful_until: ACK_INTERVAL_MESSAGES,
            asked: None,
            answered: None,
            state: State::Open,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How large the lines of its events are, together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The event with this number.
    pub(super) fn get(&self, number: u64) -> Option<&Outgoing> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        match self.entries.get(place)? {
            Entry::Event(outgoing) => Some(outgoing),
            Entry::Repeat => None,
        }
    }

    pub(super) fn push(&mut self, outgoing: Outgoing) {
        self.bytes += outgoing.len();
        self.entries.push_back(Entry::Event(outgoing));
    }

    /// An event that is in the stream already takes its place among the others. Returns how many
    /// became accepted by it.
    pub(super) fn push_repeat(&mut self) -> u64 {
        self.entries.push_back(Entry::Repeat);
        self.pop_repeats()
    }

    /// The next message to send, if one may be sent now.
    pub(super) fn next(&self) -> Option<Next<'_>> {
        if self.state != State::Open {
            return None;
        }
        let place = self.next_place();
        let number = self.first + place as u64;
        let is_last = !self
            .entries
            .range((place + 1).min(self.entries.len())..)
            .any(|entry| entry.id().is_some());
        let is_asked =
            is_last || number < self.careful_until || number.is_multiple_of(ACK_INTERVAL_MESSAGES);
        let before = self.entries.range(..place.min(self.entries.len()));
        let link = match before.rev().find_map(Entry::id).or(self.stored.1) {
            Some(id) if !self.is_fresh => Link::Event(id),
            _ => Link::Sequence(self.stored.0),
        };
        match self.entries.get(place)? {
            Entry::Event(outgoing) => Some(Next {
                outgoing,
                link,
                reply: is_asked.then_some((self.generation, number)),
            }),
            Entry::Repeat => None,
        }
    }

    /// The first entry that is to be sent next.
    fn next_place(&self) -> usize {
        let rest = self.entries.range(self.sent.min(self.entries.len())..);
        let repeats = rest.take_while(|entry| matches!(entry, Entry::Repeat));
        self.sent + repeats.count()
    }

    /// The next message is on its way. `is_asked` says whether an answer was asked for.
    pub(super) fn sent(&mut self, is_asked: bool) {
        let place = self.next_place();
        if is_asked {
            self.asked = Some(self.first + place as u64);
        }
        self.sent = place + 1;
        self.is_fresh = false;
    }

    /// Takes an answer, and returns how many events became accepted by it.
    pub(super) fn answer(&mut self, (generation, number): Reply, answer: Answer) -> u64 {
        if generation != self.generation || number < self.first {
            return 0;
        }
        let place = usize::try_from(number - self.first).unwrap_or(usize::MAX);
        if place >= self.sent {
            return 0;
        }
        self.answered = self.answered.max(Some(number));
        match answer {
            Answer::Stored(seq) => {
                let id = self.entries.get(place).and_then(Entry::id);
                self.stored = (seq, id.or(self.stored.1));
                self.pop(place + 1)
            }
            Answer::Duplicate(seq) => {
                // Beyond what is known it may be a copy of ours that was thought lost, and without a
                // number it may never be stored: the stream will tell.
                if (1..=self.stored.0).contains(&seq)
                    && let Some(entry) = self.entries.get_mut(place)
                {
                    self.bytes -= entry.bytes();
                    *entry = Entry::Repeat;
                }
                self.state = State::Draining;
                self.pop_repeats()
            }
            Answer::Refused => {
                if self.state == State::Open {
                    self.state = State::Draining;
                }
                0
            }
        }
    }

    /// Answers may be lost.
    pub(super) fn lose(&mut self) {
        if self.is_under_way() || self.state == State::Draining {
            self.state = State::Lost;
        }
    }

    /// Whether anything is sent that is not certainly stored.
    pub(super) fn is_under_way(&self) -> bool {
        self.sent > 0
    }

    /// Whether an answer is waited for.
    pub(super) fn is_waiting(&self) -> bool {
        self.state != State::Lost
            && self
                .asked
                .is_some_and(|asked| asked >= self.first && self.answered < Some(asked))
    }

    /// Whether the stream has to be looked at before anything else is sent.
    pub(super) fn wants_look(&self) -> bool {
        match self.state {
            State::Open => false,
            State::Lost => true,
            State::Draining => !self.is_waiting(),
        }
    }

    /// Goes on after the stream's last message, and returns how many events became accepted by it.
    pub(super) fn rebase(&mut self, tail: &Tail, is_ours: bool) -> Result<u64, Broken> {
        let Some(stored) = tail.seq.checked_sub(self.stored.0) else {
            return Err(Broken::Shorter);
        };
        let mut accepted = 0;
        if stored > 0 {
            let place = if tail.is_gone {
                self.place_of_stored(stored)
            } else {
                let place = tail
                    .id
                    .and_then(|id| self.entries.iter().position(|entry| entry.id() == Some(id)));
                place.filter(|_| is_ours)
            };
            let place = place.ok_or(Broken::AnotherWriter)?;
            let id = self.entries.get(place).and_then(Entry::id);
            self.stored = (tail.seq, id);
            accepted = self.pop(place + 1);
        }
        self.sent = 0;
        self.generation += 1;
        self.is_fresh = true;
        self.careful_until = self.first + self.entries.len() as u64;
        self.asked = None;
        self.answered = None;
        self.state = State::Open;
        Ok(accepted)
    }

    /// The place of the `n`th event that was sent: without the message itself, its number has to
    /// do.
    fn place_of_stored(&self, n: u64) -> Option<usize> {
        let n = usize::try_from(n).ok()?;
        let events = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.id().is_some());
        events.map(|(place, _)| place).nth(n - 1)
    }

    /// Takes the first entries away: they are stored.
    fn pop(&mut self, n: usize) -> u64 {
        let n = n.min(self.entries.len());
        self.bytes -= self
            .entries
            .drain(..n)
            .map(|entry| entry.bytes())
            .sum::<usize>();
        self.first += n as u64;
        self.sent = self.sent.saturating_sub(n);
        n as u64 + self.pop_repeats()
    }

    fn pop_repeats(&mut self) -> u64 {
        let mut n = 0;
        while let Some(Entry::Repeat) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
            self.sent = self.sent.saturating_sub(1);
            n += 1;
        }
        n
    }
}

#[cfg(test)]
mod tests;
