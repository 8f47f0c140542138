//! Which event is which, whatever server it came from.
//!
//! Numbers and server times differ between servers; these hashes do not. They are saved in cursor
//! files, so what goes into them never changes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::Span;

/// A 64-bit hash that is the same for the same event on every server.
///
/// Commits: of (did, rev, collection, rkey, operation). Identity, account and sync events with an
/// upstream number: of (kind, did, number). Messages of a NATS stream that are no events: of the
/// payload and its number there. Everything else: of the line without its `time_us` and `cursor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(u64);

/// The seeds keep the three forms apart.
const NUMBERED: u64 = 1;
const WHOLE: u64 = 2;
#[cfg(feature = "nats")]
const MESSAGE: u64 = 1 << 63;

/// Room for the parts of an ordinary commit, which come to 80 to 110 bytes; longer ones take the
/// slow road.
const ON_STACK: usize = 256;

impl Identity {
    /// Reads what `Display` writes: 16 hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hexadecimal = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hash = u64::from_str_radix(text, 16).ok()?;
        is_hexadecimal.then_some(Self(hash))
    }

    /// The hash itself, for those who keep it in a form of their own.
    #[cfg(any(feature = "sqlite", feature = "http"))]
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    /// What [`Identity::to_bits`] gave.
    #[cfg(feature = "sqlite")]
    pub(crate) fn from_bits(hash: u64) -> Self {
        Self(hash)
    }

    /// The identity of a commit.
    pub(crate) fn of_commit(parts: [&[u8]; 5]) -> Self {
        let mut joined = [0_u8; ON_STACK];
        let mut end = 0;
        for part in parts {
            let Some(room) = joined.get_mut(end..end + part.len() + 1) else {
                return Self(xxh3_64(&parts.map(|part| [part, &[0]].concat()).concat()));
            };
            if let Some((separator, text)) = room.split_last_mut() {
                text.copy_from_slice(part);
                *separator = 0;
            }
            end += part.len() + 1;
        }
        Self(xxh3_64(joined.get(..end).unwrap_or_default()))
    }

    /// The identity of a commit whose names lie in its line, in the same order.
    pub(crate) fn of_commit_in(line: &[u8], names: [Span; 5]) -> Self {
        Self::of_usual_commit(line, names)
            .unwrap_or_else(|| Self::of_commit(names.map(|name| name.of(line, &[]))))
    }

    /// The same for names of usual lengths: copying as many bytes as are known beforehand is a move
    /// or two, and otherwise a call.
    fn of_usual_commit(line: &[u8], names: [Span; 5]) -> Option<Self> {
        /// A `did:plc` and a revision made from a time, with their separators.
        const BEFORE: usize = 33 + 14;
        const COLLECTION: usize = 32;
        /// A separator, a key made from a time, and `create`, `update` or `delete`, with theirs.
        const BEHIND: usize = 1 + 14 + 7;
        let [did, rev, collection, rkey, operation] = names;
        let mut joined = [0; BEFORE + COLLECTION + BEHIND];
        let (before, rest) = joined.split_first_chunk_mut::<BEFORE>()?;
        before[..32].copy_from_slice(did.exactly::<32>(line)?);
        before[33..46].copy_from_slice(rev.exactly::<13>(line)?);
        // What does not belong to it is written over, or lies behind the end.
        let beyond: &[u8; COLLECTION] = line.get(collection.start()..)?.first_chunk()?;
        *rest.first_chunk_mut()? = *beyond;
        let behind: &mut [u8; BEHIND] = rest.get_mut(collection.len()..)?.first_chunk_mut()?;
        behind[0] = 0;
        behind[1..14].copy_from_slice(rkey.exactly::<13>(line)?);
        behind[14] = 0;
        behind[15..21].copy_from_slice(operation.exactly::<6>(line)?);
        behind[21] = 0;
        let end = BEFORE + collection.len() + BEHIND;
        Some(Self(xxh3_64(joined.get(..end)?)))
    }

    /// The identity of an event that carries an upstream number.
    pub(crate) fn of_numbered(kind: &str, did: &[u8], upstream_seq: u64) -> Self {
        let joined = [
            kind.as_bytes(),
            &[0],
            did,
            &[0],
            &upstream_seq.to_be_bytes(),
        ]
        .concat();
        Self(xxh3_64_with_seed(&joined, NUMBERED))
    }

    /// The identity of a message that is no event, in a stream that numbers its messages: equal
    /// ones are different messages.
    #[cfg(feature = "nats")]
    pub(crate) fn of_message(seq: u64, payload: &[u8]) -> Self {
        Self(xxh3_64_with_seed(payload, MESSAGE | seq))
    }

    /// The identity of anything else, from what is left of its line.
    pub(crate) fn of_rest(rest: &[u8]) -> Self {
        Self(xxh3_64_with_seed(rest, WHOLE))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("an identity is 16 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Saved cursors hold these hashes: a change here makes every resume fall back to time.
    #[test]
    fn identities_never_change() {
        let commit =
            Identity::of_commit([b"did:plc:a", b"3k", b"app.bsky.feed.post", b"3l", b"create"]);
        let account = Identity::of_numbered("account", b"did:plc:a", 7);
        let rest = Identity::of_rest(b"{}");
        assert_eq!(
            [commit, account, rest].map(|identity| identity.to_string()),
            ["e18aae262386fdbe", "c779adeed3e2bdc0", "ba53e4e0784fa7ae"]
        );
    }

    #[test]
    fn where_names_lie_and_their_lengths_make_no_difference() {
        let mut random = fastrand::Rng::with_seed(5);
        for n in 0..20_000 {
            let mut length = |usual: usize| match random.u8(..4) {
                0 => random.usize(..usual * 2),
                _ => usual,
            };
            let lengths = [32, 13, 20, 13, 6].map(&mut length);
            let mut line = Vec::new();
            let names = lengths.map(|len| {
                line.extend(std::iter::repeat_with(|| random.alphanumeric() as u8).take(3));
                let start = line.len();
                line.extend(std::iter::repeat_with(|| random.alphanumeric() as u8).take(len));
                Span::in_line(start, len)
            });
            line.resize(line.len() + n % 40, b'x');
            let parts = names.map(|name| name.of(&line, &[]));
            assert_eq!(
                Identity::of_commit_in(&line, names),
                Identity::of_commit(parts),
                "{parts:?}"
            );
        }
    }

    #[test]
    fn long_and_short_commits_hash_alike() {
        let long = vec![b'x'; ON_STACK];
        let parts: [&[u8]; 5] = [b"did:plc:a", b"3k", &long, b"3l", b"create"];
        let joined = parts.map(|part| [part, &[0]].concat()).concat();
        assert_eq!(Identity::of_commit(parts), Identity(xxh3_64(&joined)));
        let short: [&[u8]; 5] = [b"did:plc:a", b"3k", b"c", b"3l", b"create"];
        let joined = short.map(|part| [part, &[0]].concat()).concat();
        assert_eq!(Identity::of_commit(short), Identity(xxh3_64(&joined)));
    }
}
