//! One invented event: what it is, whose, and its JSON in the servers' field order.

use std::io::Write;

use jiff::Timestamp;

use super::text::{EMOJI, LANGUAGES};
use crate::{
    serve::random::Random,
    wire::cbor::{Cid, Encoder},
};

const SECOND_US: u64 = 1_000_000;

/// When the stream begins, 2026-01-01T00:00:00Z.
pub(super) const EPOCH_US: u64 = 1_767_225_600_000_000;

/// How many events there are in a second of the stream's time, where they come as fast as they are
/// taken.
const USUAL_RATE: u64 = 1_000;

/// How much older than its revision a record is.
const OLDER_US: u64 = 500;

/// How many accounts there are; a few of them do most of it.
const ACCOUNTS: u64 = 20_000;

/// How many events ago what is deleted was made, at most.
const LOOK_BACK: u64 = 5_000;

/// All events of a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Events {
    seed: u64,
    rate: u64,
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Like,
    Repost,
    Post,
    Follow,
    Block,
    Profile,
    Delete,
    Identity,
    Account,
    Play,
    Note,
}

impl What {
    /// Of a thousand events: the mix of the real stream.
    fn of(per_mille: u64) -> Self {
        match per_mille {
            0..600 => Self::Like,
            600..730 => Self::Repost,
            730..850 => Self::Post,
            850..950 => Self::Follow,
            950..958 => Self::Block,
            958..966 => Self::Profile,
            966..982 => Self::Delete,
            982..987 => Self::Identity,
            987..991 => Self::Account,
            991..996 => Self::Play,
            _ => Self::Note,
        }
    }

    /// The collection of its record; of what has none, that of what is deleted instead.
    fn collection(self) -> &'static str {
        match self {
            Self::Repost => "app.bsky.feed.repost",
            Self::Post => "app.bsky.feed.post",
            Self::Follow => "app.bsky.graph.follow",
            Self::Block => "app.bsky.graph.block",
            Self::Profile => "app.bsky.actor.profile",
            Self::Play => "fm.teal.alpha.feed.play",
            Self::Note => "example.demo.note",
            Self::Like | Self::Delete | Self::Identity | Self::Account => "app.bsky.feed.like",
        }
    }
}

impl Events {
    /// Without a rate they happen at the usual one, however fast they are taken.
    pub(super) fn new(seed: u64, rate: Option<u32>) -> Self {
        let rate = rate.map_or(USUAL_RATE, u64::from);
        Self { seed, rate }
    }

    /// How long after the beginning event `n` is made, in microseconds.
    pub(super) fn since_us(&self, n: u64) -> u64 {
        let whole = (n / self.rate).saturating_mul(SECOND_US);
        whole.saturating_add(n % self.rate * SECOND_US / self.rate)
    }

    /// How many events are made in this time after the beginning, in microseconds.
    pub(super) fn up_to(&self, since_us: u64) -> u64 {
        let n = u128::from(since_us) * u128::from(self.rate) / u128::from(SECOND_US);
        u64::try_from(n).unwrap_or(u64::MAX)
    }

    fn made_us(&self, n: u64) -> u64 {
        EPOCH_US.saturating_add(self.since_us(n))
    }

    /// When event `n` was made, by its author's clock.
    fn time(&self, n: u64) -> impl std::fmt::Display {
        let time = i64::try_from(self.made_us(n)).ok();
        let time = time.and_then(|time_us| Timestamp::from_microsecond(time_us).ok());
        format!("{:.3}", time.unwrap_or(Timestamp::MAX))
    }

    /// The key of the record that event `n` makes: a little older than its revision.
    fn record_key(&self, n: u64, out: &mut Vec<u8>) {
        tid(self.made_us(n) - OLDER_US, out);
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Appends the JSON of event `n`. Writing to a Vec cannot fail, so that results are not looked
    /// at.
    pub(super) fn write(&self, n: u64, time_us: u64, cids: &mut Cids, out: &mut Vec<u8>) {
        let (what, account, mut random) = self.begin(n);
        let made = n.checked_sub(1 + random.below(LOOK_BACK));
        let (of, account) = match made {
            Some(made) if what == What::Delete => (made, self.begin(made).1),
            _ => (n, account),
        };
        out.extend_from_slice(b"{\"did\":\"");
        self.did(account, out);
        write!(out, "\",\"time_us\":{time_us},\"kind\":").ok();
        match what {
            What::Identity => self.identity(n, account, out),
            What::Account => self.account(n, account, &mut random, out),
            What::Delete => {
                self.head(n, of, "delete", self.begin(of).0, out);
                out.extend_from_slice(b"}}");
            }
            _ => {
                let operation = if what == What::Profile {
                    "update"
                } else {
                    "create"
                };
                self.head(n, n, operation, what, out);
                out.extend_from_slice(b",\"record\":");
                let start = out.len();
                out.extend_from_slice(b"{\"$type\":\"");
                out.extend_from_slice(what.collection().as_bytes());
                out.push(b'"');
                self.record(n, what, &mut random, out);
                out.push(b'}');
                let cid = cids.of(out.get(start..).unwrap_or_default());
                out.extend_from_slice(b",\"cid\":\"");
                out.extend_from_slice(&cid.text());
                out.extend_from_slice(b"\"}}");
            }
        }
    }

    /// What the event is and whose, and what decides the rest of it.
    fn begin(&self, n: u64) -> (What, u64, Random) {
        let mut random = Random::new(self.seed, n);
        let what = What::of(random.below(1000));
        // The product of two is small more often than not.
        let account = random.below(1 + random.clone().below(ACCOUNTS));
        (what, account, random)
    }

    fn did(&self, account: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"did:plc:demo");
        // Another sequence than that of any event.
        Random::new(!self.seed, account).letters(20, out);
    }

    fn identity(&self, n: u64, account: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"identity\",\"identity\":{\"did\":\"");
        self.did(account, out);
        write!(
            out,
            "\",\"handle\":\"a{account}.demo.example\",\"seq\":{},\"time\":\"{}\"}}}}",
            n + 1,
            self.time(n)
        )
        .ok();
    }

    fn account(&self, n: u64, account: u64, random: &mut Random, out: &mut Vec<u8>) {
        const STATUS: [&str; 4] = ["deactivated", "deleted", "takendown", "suspended"];
        let status = random.one_of(&STATUS).filter(|_| random.below(2) == 0);
        write!(
            out,
            "\"account\",\"account\":{{\"active\":{},\"did\":\"",
            status.is_none()
        )
        .ok();
        self.did(account, out);
        write!(out, "\",\"seq\":{}", n + 1).ok();
        if let Some(status) = status {
            write!(out, ",\"status\":\"{status}\"").ok();
        }
        write!(out, ",\"time\":\"{}\"}}}}", self.time(n)).ok();
    }

    /// The members of a record behind its type, in the order of their names.
    fn record(&self, n: u64, what: What, random: &mut Random, out: &mut Vec<u8>) {
        match what {
            What::Profile => {
                write!(out, ",\"description\":\"An invented account. Nobody is behind it.\",\"displayName\":\"Demo {n} 🚀\"").ok();
            }
            What::Post => self.post(n, random, out),
            What::Play => {
                write!(out, ",\"artists\":[{{\"artistName\":\"The Invented\"}}],\"playedTime\":\"{}\",\"trackName\":\"Demo {n}\"", self.time(n)).ok();
            }
            What::Note => {
                write!(out, ",\"createdAt\":\"{}\",\"deep\":{{\"list\":[1,-2,[true,null]]}},\"note\":\"Invented note {n}.\",\"tags\":[\"demo\",\"ünïcode\"]", self.time(n)).ok();
            }
            What::Follow | What::Block => {
                write!(out, ",\"createdAt\":\"{}\",\"subject\":\"", self.time(n)).ok();
                self.did(random.below(ACCOUNTS), out);
                out.push(b'"');
            }
            _ => {
                write!(out, ",\"createdAt\":\"{}\",\"subject\":", self.time(n)).ok();
                self.reference(n, random, out);
                // What was found through a repost says so.
                if random.below(20) == 0 {
                    out.extend_from_slice(b",\"via\":");
                    self.reference(n, random, out);
                }
            }
        }
    }

    fn post(&self, n: u64, random: &mut Random, out: &mut Vec<u8>) {
        let Some((code, invented, sentences)) = random.one_of(&LANGUAGES) else {
            return;
        };
        write!(out, ",\"createdAt\":\"{}\"", self.time(n)).ok();
        match random.below(10) {
            0..2 => {
                out.extend_from_slice(b",\"embed\":{\"$type\":\"app.bsky.embed.images\",\"images\":[{\"alt\":\"An invented picture\",\"aspectRatio\":{\"height\":1500,\"width\":2000},\"image\":{\"$type\":\"blob\",\"mimeType\":\"image/jpeg\",\"ref\":{\"$link\":\"");
                cid(random, out);
                write!(
                    out,
                    "\"}},\"size\":{}}}}}]}}",
                    100_000 + random.below(900_000)
                )
                .ok();
            }
            2..4 => {
                write!(out, ",\"embed\":{{\"$type\":\"app.bsky.embed.external\",\"external\":{{\"description\":\"A page that does not exist.\",\"title\":\"Invented page {n}\",\"uri\":\"https://demo.invalid/{n}\"}}}}").ok();
            }
            _ => {}
        }
        write!(out, ",\"langs\":[\"{code}\"]").ok();
        if random.below(5) < 3 {
            out.extend_from_slice(b",\"reply\":{\"parent\":");
            self.reference(n, random, out);
            out.extend_from_slice(b",\"root\":");
            self.reference(n, random, out);
            out.push(b'}');
        }
        out.extend_from_slice(b",\"text\":\"");
        out.extend_from_slice(invented.as_bytes());
        for _ in 0..random.below(8) {
            out.push(b' ');
            out.extend_from_slice(random.one_of(sentences).unwrap_or_default().as_bytes());
        }
        for _ in 0..random.below(4) {
            out.push(b' ');
            out.extend_from_slice(random.one_of(&EMOJI).unwrap_or_default().as_bytes());
        }
        write!(out, " #demo{n}\"").ok();
    }

    /// The address of a post that may never have been.
    fn reference(&self, n: u64, random: &mut Random, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"cid\":\"");
        cid(random, out);
        out.extend_from_slice(b"\",\"uri\":\"at://");
        self.did(random.below(ACCOUNTS), out);
        out.extend_from_slice(b"/app.bsky.feed.post/");
        self.record_key(n.saturating_sub(random.below(LOOK_BACK)), out);
        out.extend_from_slice(b"\"}");
    }

    /// The beginning of a commit: `n` is the event, `of` the one that made the record.
    fn head(&self, n: u64, of: u64, operation: &str, what: What, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"commit\",\"commit\":{\"rev\":\"");
        tid(self.made_us(n), out);
        let collection = what.collection();
        write!(
            out,
            "\",\"operation\":\"{operation}\",\"collection\":\"{collection}\",\"rkey\":\""
        )
        .ok();
        if what == What::Profile {
            out.extend_from_slice(b"self");
        } else {
            self.record_key(of, out);
        }
        out.push(b'"');
    }
}

/// A name made of a time, as repositories have it: thirteen letters that sort by time.
fn tid(time_us: u64, out: &mut Vec<u8>) {
    const SORTED: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
    let bits = (time_us << 10) & (u64::MAX >> 1);
    for shift in (0..13).rev() {
        let letter = (bits >> (5 * shift)) & 31;
        out.push(SORTED.get(letter as usize).copied().unwrap_or(b'2'));
    }
}

/// What the identifiers of records are made with.
#[derive(Debug, Default)]
pub(super) struct Cids {
    encoder: Encoder,
    record: Vec<u8>,
}

impl Cids {
    /// That of the record whose JSON this is.
    fn of(&mut self, text: &[u8]) -> Cid {
        self.record.clear();
        // Every invented record can be encoded, as a test sees.
        self.encoder.append(text, &mut self.record).ok();
        Cid::of_record(&self.record)
    }
}

/// The identifier of another record's content; nothing has it. It is one that clients can read: version
/// 1, dag-cbor, SHA-256.
fn cid(random: &mut Random, out: &mut Vec<u8>) {
    // The bits of 36 bytes do not fill the last letter, and those of the head reach into the first
    // one here.
    out.extend_from_slice(b"bafyrei");
    out.extend(random.one_of(b"abcdefgh"));
    random.letters(50, out);
    out.extend(random.one_of(b"aeimquy4"));
}

#[cfg(test)]
mod tests;
