//! Faults that are made on purpose, so that people see how their consumer copes: the same every
//! time, event by event.

#[cfg(feature = "segments")]
mod archive;
#[cfg(feature = "http")]
mod receiver;

use std::{num::NonZeroU64, str::FromStr};

#[cfg(feature = "segments")]
use self::archive::ArchiveFaults;
#[cfg(feature = "segments")]
pub(super) use self::archive::CallFaults;
#[cfg(feature = "http")]
use self::receiver::ReceiverFaults;
#[cfg(feature = "http")]
pub(super) use self::receiver::{RequestFaults, Silence};
use super::{encoding::Encoding, numbering::Numbering, random::Random};
#[cfg(feature = "http")]
use crate::event::Event;
use crate::{
    event::CollectionPattern,
    log::address::in_short,
    wire::frame::{BINARY, TEXT},
};

/// What goes wrong, and when. Events are counted on each connection anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    cut_every: Option<NonZeroU64>,
    stall_after: Option<NonZeroU64>,
    garbage_every: Option<NonZeroU64>,
    duplicate_every: Option<NonZeroU64>,
    /// A status, and how many requests get it.
    refuse: Option<(u16, u64)>,
    /// A close code, and behind which event it is sent.
    close: Option<(u16, NonZeroU64)>,
    /// Behind which event the server is killed.
    renumber: Option<NonZeroU64>,
    /// A cursor by time is answered as if it lay before all events.
    outdated: Option<()>,
    /// The same of a number.
    too_old: Option<()>,
    /// A collection, and from which event on it is missing.
    blind: Option<(CollectionPattern, NonZeroU64)>,
    /// How many events of how many are missing.
    drop: Option<(u64, NonZeroU64)>,
    /// What goes wrong with calls of an archive.
    #[cfg(feature = "segments")]
    archive: ArchiveFaults,
    /// What goes wrong with requests to a receiver of webhooks.
    #[cfg(feature = "http")]
    receiver: ReceiverFaults,
    /// Decides which garbage comes, which events are missing, and which calls and requests are met.
    seed: u64,
}

/// Why a fault was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// There is no such fault.
    #[error(
        "there is no fault '{0}'; there are cut-every=N, stall-after=N, garbage-every=N, duplicate-every=N, refuse=STATUS:TIMES, close=CODE@N, renumber@N, too-old, outdated, blind=COLLECTION@N, drop=M/N, seed=N, and those of archive calls: archive-errors=M/N, archive-429=M/N, archive-cut=M/N, archive-stall=M/N, archive-200=M/N, archive-416=M/N, archive-etag@N, archive-redirect=ORIGIN, archive-refuse-authorization, and those of a receiver of webhooks: sink-errors=M/N, sink-429=M/N:SECONDS, sink-stall=M/N, sink-cut=M/N, sink-close=M/N, sink-slow=M/N, sink-refuse=RKEY, sink-expire=N"
    )]
    Unknown(String),
    /// Its value cannot be understood.
    #[error("the fault {name} takes {expected}, not '{value}'")]
    Value {
        /// The fault.
        name: &'static str,
        /// What was given.
        value: String,
        /// What can be.
        expected: &'static str,
    },
    /// The same fault again.
    #[error("the fault {0} is there twice")]
    Twice(&'static str),
}

impl Faults {
    /// Reads faults as they are typed, such as `cut-every=1000`.
    pub fn parse<T: AsRef<str>>(faults: &[T]) -> Result<Self, FaultError> {
        let mut parsed = Self::default();
        let mut seed = None;
        for fault in faults {
            let fault = fault.as_ref();
            let (name, value) = fault
                .split_once('=')
                .or_else(|| fault.split_once('@'))
                .unwrap_or((fault, ""));
            match name {
                "cut-every" => set(&mut parsed.cut_every, "cut-every", value, number)?,
                "stall-after" => set(&mut parsed.stall_after, "stall-after", value, number)?,
                "garbage-every" => set(&mut parsed.garbage_every, "garbage-every", value, number)?,
                "duplicate-every" => {
                    set(
                        &mut parsed.duplicate_every,
                        "duplicate-every",
                        value,
                        number,
                    )?;
                }
                "refuse" => set(&mut parsed.refuse, "refuse", value, refusal)?,
                "close" => set(&mut parsed.close, "close", value, close)?,
                "renumber" => set(&mut parsed.renumber, "renumber", value, number)?,
                "outdated" => set(&mut parsed.outdated, "outdated", value, nothing)?,
                "too-old" => set(&mut parsed.too_old, "too-old", value, nothing)?,
                "blind" => set(&mut parsed.blind, "blind", value, blind)?,
                "drop" => set(&mut parsed.drop, "drop", value, share)?,
                "seed" => set(&mut seed, "seed", value, |value| value.parse().ok())?,
                #[cfg(feature = "segments")]
                name if parsed.archive.set(name, value)? => {}
                #[cfg(feature = "http")]
                name if parsed.receiver.set(name, value)? => {}
                _ => return Err(FaultError::Unknown(in_short(fault))),
            }
        }
        parsed.seed = seed.unwrap_or_default();
        Ok(parsed)
    }

    /// A fault of archive calls that was typed.
    #[cfg(feature = "segments")]
    pub fn of_archive(&self) -> Option<&'static str> {
        self.archive.named()
    }

    /// A fault of a receiver of webhooks that was typed.
    #[cfg(feature = "http")]
    pub fn of_receiver(&self) -> Option<&'static str> {
        self.receiver.named()
    }

    /// Whether a receiver of webhooks never accepts an event.
    #[cfg(feature = "http")]
    pub(super) fn refuses(&self, event: &Event<'_>) -> bool {
        self.receiver.refuses(event)
    }

    /// Whether the key of a receiver of webhooks expires.
    #[cfg(feature = "http")]
    pub fn expires(&self) -> bool {
        self.expires_after().is_some()
    }

    /// How many requests that key is good for.
    #[cfg(feature = "http")]
    pub(super) fn expires_after(&self) -> Option<NonZeroU64> {
        self.receiver.expires_after()
    }

    /// What meets the nth request to a receiver of webhooks, counted from 1.
    #[cfg(feature = "http")]
    pub(super) fn of_request(&self, n: u64) -> RequestFaults {
        self.receiver.of_request(self.seed, n)
    }

    /// Whether a call of the archive that says who asks is refused.
    #[cfg(feature = "segments")]
    pub(super) fn refuses_authorization(&self) -> bool {
        self.archive.refuses_authorization()
    }

    /// What meets the nth call of the archive, counted from 1.
    #[cfg(feature = "segments")]
    pub(super) fn of_call(&self, n: u64) -> CallFaults {
        self.archive.of_call(self.seed, n)
    }

    /// The status and number of requests that are refused.
    pub(super) fn refusals(&self) -> Option<(u16, u64)> {
        self.refuse
    }

    /// The numbers of the server, which may be killed.
    pub(super) fn numbering(&self) -> Numbering {
        Numbering::new(self.renumber.map(NonZeroU64::get))
    }

    /// Whether a cursor by time is answered as if it lay before all events.
    pub(super) fn outdated(&self) -> bool {
        self.outdated.is_some()
    }

    /// Whether a cursor by number is answered so.
    pub(super) fn too_old(&self) -> bool {
        self.too_old.is_some()
    }

    /// Whether the event of this number is missing, for every consumer.
    pub(super) fn hides<'a>(&self, seq: u64, collection: impl FnOnce() -> &'a [u8]) -> bool {
        let is_dropped = self.drop.is_some_and(|(n, of)| {
            // Another sequence than that of the garbage.
            Random::new(!self.seed, seq).below(of.get()) < n
        });
        is_dropped
            || self.blind.as_ref().is_some_and(|(pattern, from)| {
                let collection = collection();
                seq >= from.get()
                    && match pattern.prefix() {
                        Some(prefix) => collection.starts_with(prefix.as_bytes()),
                        None => collection == pattern.as_str().as_bytes(),
                    }
            })
    }

    /// What happens behind the event that is the nth of its connection.
    pub(super) fn behind(&self, n: u64) -> FaultsAfter {
        let is_due =
            |every: Option<NonZeroU64>| every.is_some_and(|every| n.is_multiple_of(every.get()));
        let is_at = |at: NonZeroU64| at.get() == n;
        let end = match self.close {
            Some((code, at)) if is_at(at) => Some(Fault::Close(code)),
            _ if is_due(self.cut_every) => Some(Fault::Cut),
            _ if self.stall_after.is_some_and(is_at) => Some(Fault::Stall),
            _ => None,
        };
        FaultsAfter {
            again: is_due(self.duplicate_every),
            garbage: is_due(self.garbage_every),
            end,
        }
    }

    /// A message that is no event, as it comes behind the nth event: its opcode and its bytes.
    pub(super) fn garbage(&self, n: u64, encoding: Encoding) -> (u8, &'static [u8]) {
        /// Text, torn, of another shape, without an envelope, and with one of other types.
        const TEXTS: [&[u8]; 5] = [
            b"this is no event",
            b"{\"did\":\"did:plc:demo\",\"time_us\":17",
            b"[1,2,3]",
            b"{}",
            b"{\"did\":5,\"time_us\":\"then\",\"kind\":[]}",
        ];
        /// Something else, the beginning of a zstd frame, and one of another dictionary.
        const FRAMES: [&[u8]; 3] = [
            b"this is no frame",
            b"\x28\xb5\x2f\xfd",
            b"\x28\xb5\x2f\xfd\x27\x01\x02\x03\x04\x00\x01\x00\x00",
        ];
        let mut random = Random::new(self.seed, n);
        let (opcode, choice) = if encoding.is_compressed() {
            (BINARY, &FRAMES[..])
        } else {
            (TEXT, &TEXTS[..])
        };
        (opcode, random.one_of(choice).unwrap_or_default())
    }
}

/// What happens behind an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FaultsAfter {
    /// It comes again.
    pub(super) again: bool,
    /// A message follows that is no event.
    pub(super) garbage: bool,
    pub(super) end: Option<Fault>,
}

/// How a connection is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It ends without a word.
    Cut,
    /// Nothing more is said on it, not even the answer to a ping.
    Stall,
    /// It is closed with this code.
    Close(u16),
    /// The server is killed, at the time of this event.
    Kill(u64),
}

fn set<T>(
    position: &mut Option<T>,
    name: &'static str,
    value: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<(), FaultError> {
    let expected = match name {
        "refuse" => "STATUS:TIMES, a status from 400 to 599 and a number",
        "close" => "CODE@N, a close code that may be sent and a number from 1 on",
        "seed" => "a number",
        "outdated" | "too-old" => "nothing",
        "blind" => "COLLECTION@N, a collection and a number from 1 on",
        "drop" => "M/N, how many events of how many",
        "archive-etag" => "a number from 1 on",
        "archive-redirect" => "an origin such as http://127.0.0.1:6009",
        "archive-refuse-authorization" => "nothing",
        "sink-429" => "M/N:SECONDS, how many requests of how many, and how long they are to wait",
        "sink-refuse" => "a record key",
        "sink-expire" => "a number from 1 on",
        name if name.starts_with("sink-") => "M/N, how many requests of how many",
        name if name.starts_with("archive-") => "M/N, how many calls of how many",
        _ => "a number from 1 on",
    };
    let read = read(value).ok_or_else(|| FaultError::Value {
        name,
        value: in_short(value),
        expected,
    })?;
    match position.replace(read) {
        None => Ok(()),
        Some(_) => Err(FaultError::Twice(name)),
    }
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn nothing(text: &str) -> Option<()> {
    text.is_empty().then_some(())
}

fn blind(text: &str) -> Option<(CollectionPattern, NonZeroU64)> {
    let (collection, from) = text.split_once('@')?;
    Some((
        CollectionPattern::parse(collection).ok()?,
        from.parse().ok()?,
    ))
}

fn share(text: &str) -> Option<(u64, NonZeroU64)> {
    let (n, of) = text.split_once('/')?;
    let (n, of): (_, NonZeroU64) = (n.parse().ok()?, of.parse().ok()?);
    (n <= of.get()).then_some((n, of))
}

fn refusal(text: &str) -> Option<(u16, u64)> {
    let (status, times) = text.split_once(':')?;
    let status = status
        .parse()
        .ok()
        .filter(|status| (400..600).contains(status))?;
    Some((status, times.parse().ok()?))
}

/// A close code that may stand in a frame (RFC 6455, section 7.4), and when.
fn close(text: &str) -> Option<(u16, NonZeroU64)> {
    let (code, at) = text.split_once('@')?;
    let code = code
        .parse()
        .ok()
        .filter(|code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999))?;
    Some((code, at.parse().ok()?))
}

#[cfg(test)]
mod tests;
