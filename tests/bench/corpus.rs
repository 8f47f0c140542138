//! Events in the mix and the sizes of the real stream, made up: 60 % likes, 13 % reposts, 12 %
//! posts, 10 % follows, the rest deletes.

use std::fmt::Write;

use jiff::Timestamp;

const V1_DICTIONARY: &[u8] = include_bytes!("../../src/wire/dictionary/v1.zdict");

/// What the v2 wire is compressed with.
pub const V2_DICTIONARY: &[u8] = include_bytes!("../../src/serve/v2/dictionary/demo.zdict");

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
    plain: Vec<u8>,
    zstd: Vec<u8>,
    v2_plain: Vec<u8>,
    v2_zstd: Vec<u8>,
    n_events: usize,
}

/// The events alone, without what ends a run.
pub fn lines(n_events: usize) -> Vec<String> {
    let mut random = Random(7);
    let commits: Vec<_> = (0..DIFFERENT.min(n_events))
        .map(|_| Commit::random(&mut random))
        .collect();
    (0..n_events)
        .map(|n| commits[n % commits.len()].line(n, &random.did()))
        .collect()
}

impl Corpus {
    pub fn generate(n_events: usize) -> Self {
        let mut v1 = Compressor::new(V1_DICTIONARY);
        let mut v2 = Compressor::new(V2_DICTIONARY);
        let mut corpus = Self {
            plain: Vec::new(),
            zstd: Vec::new(),
            v2_plain: Vec::new(),
            v2_zstd: Vec::new(),
            n_events,
        };
        let mut add = |line: &str, v2_frame: &str| {
            frame(&mut corpus.plain, 1, line.as_bytes());
            frame(&mut corpus.zstd, 2, &v1.compress(line.as_bytes()));
            frame(&mut corpus.v2_plain, 1, v2_frame.as_bytes());
            frame(&mut corpus.v2_zstd, 2, &v2.compress(v2_frame.as_bytes()));
        };
        let mut random = Random(7);
        let commits: Vec<_> = (0..DIFFERENT.min(n_events))
            .map(|_| Commit::random(&mut random))
            .collect();
        for n in 0..n_events {
            let (commit, did) = (&commits[n % commits.len()], random.did());
            add(&commit.line(n, &did), &commit.v2_frame(n, &did));
        }
        let (seq, did, account) = (FIRST + n_events, "did:plc:end", "\"account\":{}");
        add(
            &format!(
                r#"{{"did":"{did}","time_us":{END},"cursor":{seq},"kind":"account",{account}}}"#
            ),
            &v2_frame("account", &format!(r#"{account},"did":"{did}""#), seq, END),
        );
        corpus
    }

    /// All frames of a wire: `plain`, `zstd`, `v2 plain` or `v2 zstd`.
    pub fn bytes(&self, wire: &str) -> &[u8] {
        match wire {
            "plain" => &self.plain,
            "zstd" => &self.zstd,
            "v2 plain" => &self.v2_plain,
            "v2 zstd" => &self.v2_zstd,
            _ => panic!("there is no wire {wire}"),
        }
    }

    /// The frames one by one, without the last, which ends a run.
    pub fn frames(&self, wire: &str) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes(wire);
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

    /// How long an event is on a wire, on average.
    pub fn mean_bytes(&self, wire: &str) -> f64 {
        self.bytes(wire).len() as f64 / self.n_events as f64
    }
}

/// Compresses as the servers do (protocol reference, section 1.9): with a checksum, and a size from
/// 256 bytes on.
struct Compressor(zstd::bulk::Compressor<'static>);

impl Compressor {
    fn new(dictionary: &[u8]) -> Self {
        let mut compressor = zstd::bulk::Compressor::with_dictionary(1, dictionary).unwrap();
        compressor.include_checksum(true).unwrap();
        Self(compressor)
    }

    fn compress(&mut self, event: &[u8]) -> Vec<u8> {
        self.0.include_contentsize(event.len() >= 256).unwrap();
        self.0.compress(event).unwrap()
    }
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

/// What an event says of a record.
struct Commit {
    rev: String,
    operation: &'static str,
    collection: &'static str,
    rkey: String,
    /// The record and its CID, as members of JSON; empty where it is deleted.
    record: String,
    cid: String,
}

impl Commit {
    fn random(random: &mut Random) -> Self {
        let (rev, rkey, cid) = (random.letters(13), random.letters(13), random.letters(52));
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
        let (record, cid) = if record.is_empty() {
            (String::new(), String::new())
        } else {
            let record = format!(r#""record":{{"$type":"{collection}",{record}}}"#);
            (record, format!(r#""cid":"bafyrei{cid}""#))
        };
        Self {
            rev,
            operation,
            collection,
            rkey,
            record,
            cid,
        }
    }

    /// The event as the v1 wire has it, and as a line.
    fn line(&self, n: usize, did: &str) -> String {
        let Self {
            rev,
            operation,
            collection,
            rkey,
            record,
            cid,
        } = self;
        let (seq, time_us) = (FIRST + n, BEGIN + n * 3000);
        let body = format!(
            r#""rev":"{rev}","operation":"{operation}","collection":"{collection}","rkey":"{rkey}""#
        );
        let body = members([&body, record, cid]);
        format!(
            r#"{{"did":"{did}","time_us":{time_us},"cursor":{seq},"kind":"commit","commit":{{{body}}}}}"#
        )
    }

    /// The event as the v2 wire has it (protocol reference, section 2.2).
    fn v2_frame(&self, n: usize, did: &str) -> String {
        let Self {
            rev,
            operation,
            collection,
            rkey,
            record,
            cid,
        } = self;
        let name =
            format!(r#""collection":"{collection}","did":"{did}","operation":"{operation}""#);
        let place = format!(r#""rev":"{rev}","rkey":"{rkey}""#);
        let body = members([cid, &name, record, &place]);
        v2_frame("commit", &body, FIRST + n, BEGIN + n * 3000)
    }
}

fn v2_frame(kind: &str, body: &str, seq: usize, time_us: usize) -> String {
    let time = Timestamp::from_microsecond(i64::try_from(time_us).unwrap()).unwrap();
    format!(
        r#"{{"$type":"message","payload":{{"$type":"network.bsky.jetstream.subscribeEvents#{kind}",{body},"seq":{seq},"time":"{time:.6}"}}}}"#
    )
}

/// Those that are there, one after the other.
fn members<const N: usize>(members: [&str; N]) -> String {
    let there: Vec<_> = members
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    there.join(",")
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

    fn did(&mut self) -> String {
        format!("did:plc:{}", self.letters(24))
    }

    fn letters(&mut self, n: usize) -> String {
        (0..n)
            .map(|_| {
                char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(self.next() >> 32) as usize % 32])
            })
            .collect()
    }
}
