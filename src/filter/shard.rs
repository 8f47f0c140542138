//! Which part of all accounts a process takes, so that several share one stream.
//!
//! The hash is the one by which NATS servers partition subjects, and never changes: a saved cursor
//! belongs to its shard.

use std::{fmt, num::NonZeroU32, str::FromStr, sync::Arc};

use crate::error::ParseError;
use crate::event::{Event, partition};

/// One of N parts of all accounts: those whose DID's FNV-1a hash of 32 bits has a certain remainder
/// by N.
///
/// Every account is in exactly one of the N, on every source and for ever, so all events of an
/// account reach the same process, in order. It is the partition that the subject mapping
/// `{{partition(N,1)}}` of NATS gives to the DID, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    /// From 1.
    number: NonZeroU32,
    of: NonZeroU32,
}

impl Shard {
    /// The `number`th of `of` shards, counted from 1; `None` when there is none of that number.
    pub fn new(number: u32, of: u32) -> Option<Self> {
        let number = NonZeroU32::new(number)?;
        let of = NonZeroU32::new(of).filter(|of| number <= *of)?;
        Some(Self { number, of })
    }

    /// Its number, counted from 1.
    pub fn number(self) -> u32 {
        self.number.get()
    }

    /// How many shards there are.
    pub fn of(self) -> u32 {
        self.of.get()
    }

    /// Whether it is the only one, which has every account.
    pub fn is_everything(self) -> bool {
        self.of.get() == 1
    }

    /// Whether the account is in it.
    pub fn has(self, did: &str) -> bool {
        self.has_bytes(did.as_bytes())
    }

    pub(crate) fn has_bytes(self, did: &[u8]) -> bool {
        partition(did, self.of) == self.number.get() - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// What decides which of the shards has an event.
#[derive(Clone)]
pub(super) enum ShardBy {
    /// Its key: the account, or that of a message of NATS.
    Key,
    /// Its number in the stream.
    Number,
    /// What a function of this name says of it.
    Function(Arc<str>, Arc<KeyFunction>),
}

type KeyFunction = dyn Fn(&Event<'_>) -> String + Send + Sync;

impl ShardBy {
    /// Whether the shard has the event.
    pub(super) fn has(&self, shard: Shard, event: &Event<'_>) -> bool {
        match self {
            Self::Key => shard.has_bytes(event.key_bytes()),
            Self::Number => {
                let point = event.point();
                shard.has(&point.seq.unwrap_or(point.time_us).to_string())
            }
            Self::Function(_, key) => shard.has(&key(event)),
        }
    }
}

/// Behind the shard in a filter's description.
impl fmt::Display for ShardBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => Ok(()),
            Self::Number => f.write_str(" by number"),
            Self::Function(name, _) => write!(f, " by {name}"),
        }
    }
}

impl fmt::Debug for ShardBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShardBy({self})")
    }
}

/// Why a shard was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ShardError {
    /// Not two numbers with a slash in between.
    #[error("write it like 1/4 for the first of four, up to 4/4")]
    Form,
    /// There is no shard of that number.
    #[error("of {of} shards the first is 1/{of} and the last {of}/{of}")]
    Number {
        /// How many shards there are.
        of: NonZeroU32,
    },
}

crate::error::parse_error!(ShardError);

impl FromStr for Shard {
    type Err = ParseError;

    /// Reads `M/N`, which counts from `1/N` to `N/N`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (number, of) = text.split_once('/').ok_or(ShardError::Form)?;
        let of = digits(of).and_then(NonZeroU32::new);
        let of = of.ok_or(ShardError::Form)?;
        let number = digits(number).ok_or(ShardError::Form)?;
        Self::new(number, of.get()).ok_or_else(|| ShardError::Number { of }.into())
    }
}

/// A number without a sign.
fn digits(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server of NATS 2.15 made of these DIDs with the mapping `at.*` to
    /// `p.{{partition(7,1)}}`.
    #[test]
    fn shards_are_the_partitions_of_nats() {
        for (did, partition) in [
            ("did:plc:z72i7hdynmk6r22z27h6tvur", 3),
            ("did:plc:ewvi7nxzyoun6zhxrhs64oiz", 6),
            ("did:plc:oky5czdrnfjpqslsw2a5iclo", 1),
            ("did:plc:000000000000000000000000", 4),
            ("did:web:localhost%3A3000", 6),
        ] {
            let shards = (1..=7).filter(|number| Shard::new(*number, 7).unwrap().has(did));
            assert_eq!(shards.collect::<Vec<_>>(), [partition + 1], "{did}");
        }
    }

    #[test]
    fn a_shard_is_read_and_written_as_a_fraction() {
        for (text, shown) in [("1/1", "1/1"), ("4/4", "4/4"), ("02/016", "2/16")] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), shown);
        }
        let largest = format!("{0}/{0}", u32::MAX);
        assert_eq!(largest.parse::<Shard>().unwrap().to_string(), largest);
        for form in [
            "",
            "/",
            "4",
            "a/b",
            "1/",
            "/4",
            "1/0",
            "0/0",
            "1/4/4",
            " 1/4",
            "1/ 4",
            "+1/4",
            "-1/4",
            "1/4294967296",
            "1.5/4",
            "１/４",
            "1\\4",
        ] {
            assert_eq!(
                form.parse::<Shard>(),
                Err(ShardError::Form.into()),
                "{form}"
            );
        }
        let of = NonZeroU32::new(4).unwrap();
        for number in ["0/4", "5/4", "00/4"] {
            let error = number.parse::<Shard>();
            assert_eq!(error, Err(ShardError::Number { of }.into()), "{number}");
        }
    }
}
