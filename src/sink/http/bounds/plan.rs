//! What a cursor has of requests: which events behind its place are answered, and which are in
//! requests that are not. A text of bounded length, which holds no event and no address.

use data_encoding::BASE64_NOPAD;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::sink::http::{HttpAddress, signature::RequestId};

/// What the text begins with: its form.
const FORM: &str = "requests-1 ";

/// How many answered events have a hash in common.
pub(super) const CHUNK: usize = 256;

/// Far more events than there ever are behind a place; more is damage.
const MAX_EVENTS: u64 = 4_000_000;

/// Requests from a place on. Events are numbers, counted from 0 at the first behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::sink::http) struct Plan {
    /// A hash of the address that they are for, without its query.
    pub(super) endpoint: u64,
    /// The first event behind the place.
    pub(super) first: u64,
    /// The events that are answered, in their order, and a hash over each [`CHUNK`] of them.
    pub(super) answered: Vec<u64>,
    pub(super) hashes: Vec<u64>,
    /// The requests that are not answered, each with its events.
    pub(super) parcels: Vec<(RequestId, Vec<u64>)>,
}

/// What tells endpoints apart. Queries may hold secrets, and are no part of it.
pub(super) fn endpoint_of(address: &HttpAddress) -> u64 {
    xxh3_64(address.to_string().as_bytes())
}

/// What makes answered events those that they are.
pub(super) fn hash_of(events: impl Iterator<Item = u64>) -> u64 {
    let mut hash = Xxh3::new();
    for event in events {
        hash.update(&event.to_le_bytes());
    }
    hash.digest()
}

impl Plan {
    /// How many events it is about, from the first to the last.
    pub(super) fn len(&self) -> usize {
        let ends = self.parcels.iter().map(|(_, events)| events.last());
        let last = ends.chain([self.answered.last()]).flatten().max();
        last.map_or(0, |last| usize::try_from(last + 1).unwrap_or(usize::MAX))
    }

    pub(super) fn text(&self) -> String {
        let mut out = Vec::new();
        out.extend_from_slice(&self.endpoint.to_le_bytes());
        out.extend_from_slice(&self.first.to_le_bytes());
        write_all(&self.answered, &mut out);
        for hash in &self.hashes {
            out.extend_from_slice(&hash.to_le_bytes());
        }
        write(self.parcels.len() as u64, &mut out);
        for (id, events) in &self.parcels {
            out.extend_from_slice(id.bytes());
            write_all(events, &mut out);
        }
        format!("{FORM}{}", BASE64_NOPAD.encode(&out))
    }

    /// Reads what [`Plan::text`] wrote for the same endpoint; `None` for anything else.
    pub(in crate::sink::http) fn parse(text: &str, address: &HttpAddress) -> Option<Self> {
        let text = text.strip_prefix(FORM)?;
        let bytes = BASE64_NOPAD.decode(text.as_bytes()).ok()?;
        let mut rest = &bytes[..];
        let endpoint = read_hash(&mut rest)?;
        let first = read_hash(&mut rest)?;
        let answered = read_all(&mut rest)?;
        let n_hashes = answered.len().div_ceil(CHUNK);
        let hashes = (0..n_hashes).map(|_| read_hash(&mut rest));
        let hashes = hashes.collect::<Option<_>>()?;
        let n_parcels = read(&mut rest)?;
        let parcels = (0..n_parcels).map(|_| {
            let (id, behind) = rest.split_first_chunk()?;
            rest = behind;
            Some((RequestId::from(*id), read_all(&mut rest)?))
        });
        let parcels = parcels.collect::<Option<_>>()?;
        let is_ours = endpoint == endpoint_of(address) && rest.is_empty();
        is_ours.then_some(Self {
            endpoint,
            first,
            answered,
            hashes,
            parcels,
        })
    }
}

/// Ascending numbers, as runs: the distance from the run before, and how many there are.
fn write_all(numbers: &[u64], out: &mut Vec<u8>) {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    write(runs.clone().count() as u64, out);
    let mut before = 0;
    for run in runs {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        write(first - before, out);
        write(last - first, out);
        before = *last;
    }
}

fn read_all(bytes: &mut &[u8]) -> Option<Vec<u64>> {
    let n_runs = read(bytes)?;
    let (mut numbers, mut before) = (Vec::new(), 0_u64);
    for run in 0..n_runs {
        let gap = read(bytes)?;
        let first = before.checked_add(gap)?;
        let last = first.checked_add(read(bytes)?)?;
        if last >= MAX_EVENTS || (run > 0 && gap < 2) {
            return None;
        }
        numbers.extend(first..=last);
        before = last;
    }
    Some(numbers)
}

/// Seven bits a byte, the lowest first.
fn write(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn read_hash(bytes: &mut &[u8]) -> Option<u64> {
    let (hash, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*hash))
}
