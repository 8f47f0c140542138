//! Events in the mix and the sizes of the real stream, made up: 60 % likes, 13 % reposts, 12 %
//! posts, 10 % follows, the rest deletes.

use std::fmt::Write;

const DICTIONARY: &[u8] = include_bytes!("../../src/wire/dictionary/v1.zdict");

/// How many different events there are; the stream repeats them with other numbers.
const DIFFERENT: usize = 5_000;

/// The time of the first event, in microseconds since 1970.
const BEGIN: usize = 1_790_000_000_000_000;

/// The number of the first event: of as many digits as those of the public servers.
const FIRST: usize = 24_589_902_470;

/// A time behind every event; one event more than were asked for carries it.
const END: usize = 1_800_000_060_000_000;

/// The end that is typed: so long before [`END`] that an event of that time ends the run.
pub fn end_time() -> String {
    "2027-01-15T08:00:00Z".to_owned()
}

/// Events as WebSocket frames, ready to be sent.
pub struct Corpus {
    pub plain: Vec<u8>,
    pub zstd: Vec<u8>,
    n_events: usize,
}

/// The events alone, without what ends a run.
pub fn lines(n_events: usize) -> Vec<String> {
    let mut random = Random(7);
    let bodies: Vec<String> = (0..DIFFERENT.min(n_events))
        .map(|_| body(&mut random))
        .collect();
    (0..n_events)
        .map(|n| event(n, &bodies[n % bodies.len()], &mut random))
        .collect()
}

impl Corpus {
    pub fn generate(n_events: usize) -> Self {
        let mut compressor = Compressor::new();
        let mut corpus = Self {
            plain: Vec::new(),
            zstd: Vec::new(),
            n_events,
        };
        let mut random = Random(7);
        let bodies: Vec<String> = (0..DIFFERENT.min(n_events))
            .map(|_| body(&mut random))
            .collect();
        for n in 0..n_events {
            let event = event(n, &bodies[n % bodies.len()], &mut random);
            frame(&mut corpus.plain, 1, event.as_bytes());
            frame(&mut corpus.zstd, 2, &compressor.compress(event.as_bytes()));
        }
        let end = format!(
            r#"{{"did":"did:plc:end","time_us":{END},"cursor":{},"kind":"account","account":{{}}}}"#,
            FIRST + n_events
        );
        frame(&mut corpus.plain, 1, end.as_bytes());
        frame(&mut corpus.zstd, 2, &compressor.compress(end.as_bytes()));
        corpus
    }

    /// The frames one by one, without the last, which ends a run.
    pub fn frames(&self, wire: &str) -> impl Iterator<Item = &[u8]> {
        let mut rest = match wire {
            "zstd" => &self.zstd[..],
            _ => &self.plain[..],
        };
        (0..self.n_events).map(move |_| {
            let len = match rest[1] {
                126 => 4 + usize::from(u16::from_be_bytes([rest[2], rest[3]])),
                small => 2 + usize::from(small),
            };
            let (frame, more) = rest.split_at(len);
            rest = more;
            frame
        })
    }

    /// The events as lines.
    pub fn lines(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for frame in self.frames("plain") {
            let head = if frame[1] == 126 { 4 } else { 2 };
            lines.extend_from_slice(&frame[head..]);
            lines.push(b'\n');
        }
        lines
    }

    pub fn plain_bytes(&self) -> f64 {
        self.plain.len() as f64 / self.n_events as f64
    }

    pub fn zstd_bytes(&self) -> f64 {
        self.zstd.len() as f64 / self.n_events as f64
    }
}

/// Compresses as the servers do (protocol reference, section 1.9): with a checksum, and a size from
/// 256 bytes on.
struct Compressor(zstd::bulk::Compressor<'static>);

impl Compressor {
    fn new() -> Self {
        let mut compressor = zstd::bulk::Compressor::with_dictionary(1, DICTIONARY).unwrap();
        compressor.include_checksum(true).unwrap();
        Self(compressor)
    }

    fn compress(&mut self, event: &[u8]) -> Vec<u8> {
        self.0.include_contentsize(event.len() >= 256).unwrap();
        self.0.compress(event).unwrap()
    }
}

fn event(n: usize, body: &str, random: &mut Random) -> String {
    let time_us = BEGIN + n * 3000;
    let did = random.letters(24);
    format!(
        r#"{{"did":"did:plc:{did}","time_us":{time_us},"cursor":{},"kind":"commit","commit":{body}}}"#,
        FIRST + n
    )
}

/// The accounts of the first events, one a line.
pub fn dids(n_events: usize) -> String {
    let corpus = Corpus::generate(n_events);
    let dids = corpus.frames("plain").map(|frame| {
        let text = String::from_utf8_lossy(frame);
        let (_, rest) = text.split_once(r#"{"did":""#).unwrap();
        rest.split('"').next().unwrap().to_owned() + "\n"
    });
    dids.collect()
}

fn body(random: &mut Random) -> String {
    let (rev, rkey, cid) = (random.letters(13), random.letters(13), random.letters(54));
    let subject = format!(
        r#""subject":{{"cid":"bafyrei{}","uri":"at://did:plc:{}/app.bsky.feed.post/{}"}}"#,
        random.letters(52),
        random.letters(24),
        random.letters(13)
    );
    let created = r#""createdAt":"2026-07-04T14:38:07.102Z""#;
    let (operation, collection, record) = match random.next() % 100 {
        0..60 => (
            "create",
            "app.bsky.feed.like",
            format!("{created},{subject}"),
        ),
        60..73 => (
            "create",
            "app.bsky.feed.repost",
            format!("{created},{subject}"),
        ),
        73..85 => {
            let mut text = String::new();
            for _ in 0..random.next() % 40 {
                let length = 2 + random.next() % 9;
                write!(text, "{} ", random.letters(length as usize)).unwrap();
            }
            (
                "create",
                "app.bsky.feed.post",
                format!(r#"{created},"langs":["en"],"reply":{{{subject}}},"text":"{text}🚀""#),
            )
        }
        85..95 => (
            "create",
            "app.bsky.graph.follow",
            format!(r#"{created},"subject":"did:plc:{}""#, random.letters(24)),
        ),
        _ => ("delete", "app.bsky.feed.like", String::new()),
    };
    let head = format!(
        r#"{{"rev":"{rev}","operation":"{operation}","collection":"{collection}","rkey":"{rkey}""#
    );
    if record.is_empty() {
        return format!("{head}}}");
    }
    format!(r#"{head},"record":{{"$type":"{collection}",{record}}},"cid":"bafyrei{cid}"}}"#)
}

/// One unmasked frame.
fn frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    match payload.len() {
        small @ 0..126 => out.push(small as u8),
        len => {
            out.push(126);
            out.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// The same events in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn letters(&mut self, n: usize) -> String {
        (0..n)
            .map(|_| {
                char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(self.next() >> 32) as usize % 32])
            })
            .collect()
    }
}
