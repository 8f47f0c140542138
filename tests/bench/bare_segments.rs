//! The yardstick for segment files: a loop that inflates each block and prints each row with its
//! record as JSON and its identifier, and does nothing else. It trusts the files.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
};

use data_encoding::BASE64_NOPAD;
use sha2::{Digest, Sha256};

/// Prints the rows of these sealed files to stdout, through a buffer of 256 KiB.
pub fn run(files: &[String]) {
    let mut printer = Printer::default();
    let mut out = std::io::stdout();
    let mut inflater = zstd::bulk::Decompressor::new().unwrap();
    let (mut frame, mut body) = (Vec::new(), Vec::new());
    for file in files {
        let mut file = BufReader::with_capacity(256 * 1024, File::open(file).unwrap());
        let mut header = [0; 256];
        file.read_exact(&mut header).unwrap();
        let footer_at = u64_at(&header, 58);
        let mut at = 256;
        while at < footer_at {
            let mut prefix = [0; 8];
            file.read_exact(&mut prefix).unwrap();
            let n = u64::from_le_bytes(prefix);
            frame.resize(usize::try_from(n).unwrap(), 0);
            file.read_exact(&mut frame).unwrap();
            at += 8 + n;
            body.clear();
            body.reserve(8 << 20);
            inflater.decompress_to_buffer(&frame, &mut body).unwrap();
            printer.block(&body, &mut out);
        }
        assert!(!file.fill_buf().unwrap().is_empty(), "a footer follows");
    }
    out.write_all(&printer.text).unwrap();
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[derive(Default)]
struct Printer {
    text: Vec<u8>,
    members: Vec<Member>,
}

/// A member of a map that is printed: its key in the record, its text in what is printed.
#[derive(Clone, Copy)]
struct Member {
    key: (usize, usize),
    text: (usize, usize),
}

impl Printer {
    fn block(&mut self, body: &[u8], out: &mut impl Write) {
        let n = u32::from_le_bytes(body[..4].try_into().unwrap()) as usize;
        let mut at = 4;
        let mut column = |width: usize| {
            let column = &body[at..at + n * width];
            at += n * width;
            column
        };
        let (seqs, witnessed, indexed) = (column(8), column(8), column(8));
        let (kinds, collection_lens, did_lens) = (column(1), column(1), column(2));
        let (rkey_lens, rev_lens, payload_lens) = (column(1), column(1), column(4));
        let of_two = |n: usize| u16::from_le_bytes([did_lens[2 * n], did_lens[2 * n + 1]]);
        let of_four = |n: usize| payload_lens[4 * n..4 * n + 4].try_into().unwrap();
        let lens = |n: usize| {
            [
                usize::from(collection_lens[n]),
                usize::from(of_two(n)),
                usize::from(rkey_lens[n]),
                usize::from(rev_lens[n]),
                u32::from_le_bytes(of_four(n)) as usize,
            ]
        };
        // Where the five texts of the next row begin.
        let mut places = [at; 5];
        for row in 0..n {
            for (place, len) in lens(row).into_iter().enumerate() {
                for later in &mut places[place + 1..] {
                    *later += len;
                }
            }
        }
        for (row, kind) in kinds.iter().enumerate() {
            let mut texts = [&body[..0]; 5];
            for ((text, place), len) in texts.iter_mut().zip(&mut places).zip(lens(row)) {
                *text = &body[*place..*place + len];
                *place += len;
            }
            let time = match u64_at(indexed, row * 8) {
                0 => u64_at(witnessed, row * 8),
                time => time,
            };
            self.row(u64_at(seqs, row * 8), time, *kind, texts);
            if self.text.len() > 256 * 1024 {
                out.write_all(&self.text).unwrap();
                self.text.clear();
            }
        }
    }

    fn row(&mut self, seq: u64, time: u64, kind: u8, texts: [&[u8]; 5]) {
        let [collection, did, rkey, rev, payload] = texts;
        let operation = match kind {
            1 | 7 => "create",
            2 => "update",
            3 => "delete",
            4 => "identity",
            5 => "account",
            _ => return,
        };
        self.text.extend_from_slice(b"{\"did\":");
        string(did, &mut self.text);
        write!(
            self.text,
            ",\"time_us\":{time},\"cursor\":{seq},\"kind\":\""
        )
        .unwrap();
        if kind == 4 || kind == 5 {
            write!(self.text, "{operation}\",\"{operation}\":").unwrap();
            self.record(payload);
        } else {
            self.text
                .extend_from_slice(b"commit\",\"commit\":{\"rev\":");
            string(rev, &mut self.text);
            write!(self.text, ",\"operation\":\"{operation}\",\"collection\":").unwrap();
            string(collection, &mut self.text);
            self.text.extend_from_slice(b",\"rkey\":");
            string(rkey, &mut self.text);
            if kind != 3 {
                self.text.extend_from_slice(b",\"record\":");
                self.record(payload);
                self.text.extend_from_slice(b",\"cid\":\"");
                let mut cid = [1, 0x71, 0x12, 32].to_vec();
                cid.extend_from_slice(&Sha256::digest(payload));
                push_cid(&cid, &mut self.text);
                self.text.push(b'"');
            }
            self.text.push(b'}');
        }
        self.text.extend_from_slice(b"}\n");
    }

    fn record(&mut self, record: &[u8]) {
        let mut at = 0;
        self.value(record, &mut at);
    }

    fn value(&mut self, record: &[u8], at: &mut usize) {
        let (major, argument) = head(record, at);
        let len = usize::try_from(argument).unwrap();
        match major {
            0 => write!(self.text, "{argument}").unwrap(),
            1 => write!(self.text, "{}", -1 - i128::from(argument)).unwrap(),
            2 => {
                let bytes = BASE64_NOPAD.encode(take(record, at, len));
                write!(self.text, "{{\"$bytes\":\"{bytes}\"}}").unwrap();
            }
            3 => string(take(record, at, len), &mut self.text),
            4 => {
                self.text.push(b'[');
                for n in 0..len {
                    if n > 0 {
                        self.text.push(b',');
                    }
                    self.value(record, at);
                }
                self.text.push(b']');
            }
            5 => self.map(record, at, len),
            6 => {
                let (_, len) = head(record, at);
                let cid = take(record, at, usize::try_from(len).unwrap());
                self.text.extend_from_slice(b"{\"$link\":\"");
                push_cid(&cid[1..], &mut self.text);
                self.text.extend_from_slice(b"\"}");
            }
            _ => self.text.extend_from_slice(match argument {
                20 => b"false",
                21 => b"true",
                _ => b"null",
            }),
        }
    }

    /// Members stand in the order of their lengths, and are printed in that of their names.
    fn map(&mut self, record: &[u8], at: &mut usize, n: usize) {
        let first = self.members.len();
        self.text.push(b'{');
        let start = self.text.len();
        for _ in 0..n {
            let from = self.text.len();
            let (_, len) = head(record, at);
            let key = *at;
            let name = take(record, at, usize::try_from(len).unwrap());
            let key = (key, *at);
            string(name, &mut self.text);
            self.text.push(b':');
            self.value(record, at);
            self.text.push(b',');
            let text = (from, self.text.len());
            self.members.push(Member { key, text });
        }
        let members = &mut self.members[first..];
        let key = |member: &Member| &record[member.key.0..member.key.1];
        if !members.is_sorted_by_key(key) {
            members.sort_unstable_by(|one, other| key(one).cmp(key(other)));
            let end = self.text.len();
            for member in members {
                self.text.extend_from_within(member.text.0..member.text.1);
            }
            self.text.copy_within(end.., start);
            self.text.truncate(end);
        }
        self.members.truncate(first);
        if n > 0 {
            self.text.pop();
        }
        self.text.push(b'}');
    }
}

fn head(record: &[u8], at: &mut usize) -> (u8, u64) {
    let first = record[*at];
    *at += 1;
    let n_bytes = match first & 31 {
        info @ 0..24 => return (first >> 5, u64::from(info)),
        info => 1 << (info - 24),
    };
    let bytes = take(record, at, n_bytes).iter();
    (
        first >> 5,
        bytes.fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    )
}

fn take<'a>(record: &'a [u8], at: &mut usize, n: usize) -> &'a [u8] {
    let bytes = &record[*at..*at + n];
    *at += n;
    bytes
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut done = 0;
    for (at, byte) in text.iter().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            8 => "\\b",
            12 => "\\f",
            b'<' => "\\u003c",
            b'>' => "\\u003e",
            b'&' => "\\u0026",
            0xe2 if text[at..].starts_with("\u{2028}".as_bytes()) => "\\u2028",
            0xe2 if text[at..].starts_with("\u{2029}".as_bytes()) => "\\u2029",
            0..32 => "\\u00",
            _ => continue,
        };
        out.extend_from_slice(&text[done..at]);
        out.extend_from_slice(escape.as_bytes());
        done = at + 1;
        match escape {
            "\\u00" => write!(out, "{byte:02x}").unwrap(),
            "\\u2028" | "\\u2029" => done = at + 3,
            _ => {}
        }
    }
    out.extend_from_slice(&text[done..]);
    out.push(b'"');
}

/// In base 32, whose digits have five bits.
fn push_cid(cid: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    out.push(b'b');
    let (mut bits, mut n_bits) = (0_u32, 0);
    for byte in cid {
        bits = bits << 8 | u32::from(*byte);
        n_bits += 8;
        while n_bits >= 5 {
            n_bits -= 5;
            out.push(DIGITS[(bits >> n_bits & 31) as usize]);
        }
    }
    if n_bits > 0 {
        out.push(DIGITS[(bits << (5 - n_bits) & 31) as usize]);
    }
}
