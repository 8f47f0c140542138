//! Events of equal length, made a thousand at a time by writing other digits into them.

use std::io::Write;

use super::super::push_frame;
use crate::support::{
    events::{EPOCH, STEP},
    jetstream::{End, Request, Server},
};

/// How many are made at once.
pub const CHUNK: usize = 1000;

/// The number of the first event: ten digits, and ten they stay.
const FIRST: u64 = 1_000_000_000;

/// The event `n`; every event is as long as the first.
fn event(n: u64) -> String {
    let (time_us, seq) = (EPOCH + n * STEP, FIRST + n);
    format!(
        r#"{{"did":"did:plc:aaaabbbbccccddddeeeeffff","time_us":{time_us},"cursor":{seq},"kind":"commit","commit":{{"rev":"3k{n:011}","operation":"create","collection":"app.bsky.feed.like","rkey":"3l{n:011}","record":{{"$type":"app.bsky.feed.like","createdAt":"2026-07-04T14:38:07.102Z"}},"cid":"bafyrei"}}}}"#
    )
}

/// A chunk of events, as frames or as lines.
pub struct Chunk {
    bytes: Vec<u8>,
    /// The length of one event with what is around it.
    pub stride: usize,
    /// Where the digits of time, number, revision and record key are.
    digits: [(usize, usize); 4],
}

impl Chunk {
    pub fn of_frames() -> Self {
        let mut one = Vec::new();
        push_frame(&mut one, 1, event(0).as_bytes());
        Self::of(&one)
    }

    pub fn of_lines() -> Self {
        Self::of((event(0) + "\n").as_bytes())
    }

    fn of(one: &[u8]) -> Self {
        let behind = |name: &str, length: usize| {
            let at = memchr::memmem::find(one, name.as_bytes()).unwrap();
            (at + name.len(), length)
        };
        let digits = [
            behind(r#""time_us":"#, 16),
            behind(r#""cursor":"#, 10),
            behind(r#""rev":"3k"#, 11),
            behind(r#""rkey":"3l"#, 11),
        ];
        Self {
            bytes: one.repeat(CHUNK),
            stride: one.len(),
            digits,
        }
    }

    /// The `count` events from event `first` on, at most a chunk of them.
    pub fn fill(&mut self, first: u64, count: usize) -> &[u8] {
        let events = self.bytes.chunks_mut(self.stride).take(count);
        for (n, event) in (first..).zip(events) {
            let values = [EPOCH + n * STEP, FIRST + n, n, n];
            for ((at, length), value) in self.digits.into_iter().zip(values) {
                put(&mut event[at..at + length], value);
            }
        }
        &self.bytes[..count * self.stride]
    }
}

fn put(digits: &mut [u8], mut value: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789"[usize::try_from(value % 10).unwrap()];
        value /= 10;
    }
}

/// A server with `n` events, which cuts the connection after each run of new ones, by FIN and
/// by reset in turns.
pub fn server(total: u64, every: u64) -> Server {
    Server::every(move |request| serve(request, total, every))
}

fn serve(request: Request, total: u64, every: u64) {
    let mut next = match request.cursor() {
        None => 0,
        Some(seq) if seq < EPOCH / 2 => seq - FIRST,
        Some(time_us) => time_us.saturating_sub(EPOCH).div_ceil(STEP),
    };
    let fresh = if next == 0 { 0 } else { next + 1 };
    let end = (fresh + every).min(total);
    let mut stream = request.accept().into_stream();
    let mut chunk = Chunk::of_frames();
    while next < end {
        let count = usize::try_from(end - next).unwrap().min(CHUNK);
        if stream.write_all(chunk.fill(next, count)).is_err() {
            return;
        }
        next += count as u64;
    }
    if end == total {
        std::io::copy(&mut stream, &mut std::io::sink()).ok();
    } else if (end / every).is_multiple_of(2) {
        End::Reset.apply(&stream);
    } else {
        End::Fin.apply(&stream);
    }
}
