//! Bytes of a socket to frames, wherever they are torn.
//!
//! Input: which cap, how the frames are made, the sizes of the pieces they come in, and the frames:
//! as they are, or made of a few bytes each.

#![no_main]

use std::io::{self, Cursor, Read, Write};

use libfuzzer_sys::fuzz_target;
use rocketman::fuzzing::{Came, Frames};
use rocketman_fuzz::{Torn, choice};
use tungstenite::{
    Message, WebSocket,
    protocol::{Role, WebSocketConfig},
};

const CAPS: [usize; 8] = [1, 16, 125, 126, 1000, 65_535, 65_536, 200_000];

/// The socket's own buffer, and the answers that may wait.
const FIXED: usize = 128 * 1024 + 2 * 16 * 1024;

/// As much as made frames come to; enough for three of the largest cap.
const MADE: usize = 700_000;

fuzz_target!(|input: &[u8]| {
    let mut input = input;
    let cap = CAPS[usize::from(choice(&mut input)) % CAPS.len()];
    let is_made = choice(&mut input) % 2 == 1;
    let n_pieces = usize::from(choice(&mut input) % 8).min(input.len());
    let (pieces, rest) = input.split_at(n_pieces);
    let made;
    let bytes = if is_made {
        made = make(rest);
        &made
    } else {
        rest
    };
    let whole = read(bytes, &[], cap);
    // The head that is shown of a message that is too large is what has come of it.
    let shortened = |came: &[Came]| {
        came.iter()
            .map(|came| match came {
                Came::TooLarge(_) => Came::TooLarge(Vec::new()),
                came => came.clone(),
            })
            .collect::<Vec<_>>()
    };
    let torn = read(bytes, pieces, cap);
    assert!(
        shortened(&whole) == shortened(&torn),
        "it depends on where it is torn"
    );
    agrees_with_the_library(&whole, bytes, cap);
});

/// Frames of six bytes each: the first byte, how the length is written, the length, and what fills
/// it.
fn make(mut recipe: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let [first, form, high, low, fill, rest @ ..] = recipe {
        recipe = rest;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let length = if form & 8 != 0 { length * 8 } else { length };
        bytes.push(*first);
        match (form % 4, length) {
            (0, 0..126) => bytes.push(u8::try_from(length).unwrap_or_default()),
            (0 | 1, 0..=0xffff) => {
                bytes.push(126);
                bytes.extend_from_slice(&u16::try_from(length).unwrap_or_default().to_be_bytes());
            }
            _ => {
                bytes.push(127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        if bytes.len() + length > MADE {
            break;
        }
        bytes.resize(bytes.len() + length, *fill);
    }
    // What is left tears the last frame.
    bytes.extend_from_slice(recipe);
    bytes
}

fn read(bytes: &[u8], pieces: &[u8], cap: usize) -> Vec<Came> {
    let (received, later) = bytes.split_at(pieces.len().min(bytes.len()));
    let mut frames = Frames::new(Torn::new(later, pieces), received, cap);
    let mut all = Vec::new();
    loop {
        let came = frames.receive();
        assert!(
            frames.memory() <= FIXED + 4 * (cap + 14),
            "{} bytes are held",
            frames.memory()
        );
        frames.flush();
        match &came {
            Came::Text(message) | Came::Binary(message) => assert!(message.len() <= cap),
            Came::TooLarge(head) => assert!(head.len() <= 160),
            Came::Close(reason) => {
                assert!(reason.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            }
            Came::Other | Came::Broken(_) | Came::Ended => {}
        }
        let is_over = matches!(came, Came::Close(_) | Came::Broken(_) | Came::Ended);
        if came != Came::Other {
            all.push(came);
        }
        if is_over {
            return all;
        }
    }
}

/// What the WebSocket library reads, up to what it does not put up with, is what we read.
fn agrees_with_the_library(ours: &[Came], bytes: &[u8], cap: usize) {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        // The library's limit also holds for pings, pongs and close frames, which are small enough in
        // any case.
        .max_frame_size(Some(cap.max(125)))
        .max_message_size(Some(cap));
    let mut library =
        WebSocket::from_raw_socket(OneWay(Cursor::new(bytes)), Role::Client, Some(config));
    let mut theirs = Vec::new();
    loop {
        match library.read() {
            Ok(Message::Text(text)) => theirs.push(Came::Text(text.as_bytes().to_vec())),
            Ok(Message::Binary(bytes)) => theirs.push(Came::Binary(bytes.to_vec())),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Close(_) | Message::Frame(_)) | Err(_) => break,
        }
    }
    let is_put_up_with = |came: &&Came| match came {
        Came::Text(text) => str::from_utf8(text).is_ok(),
        Came::Binary(_) => true,
        _ => false,
    };
    let ours: Vec<_> = ours.iter().take_while(is_put_up_with).cloned().collect();
    assert!(ours == theirs, "the library reads otherwise");
}

/// A stream that can be read to its end, and takes whatever is written.
struct OneWay<'a>(Cursor<&'a [u8]>);

impl Read for OneWay<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.read(space)
    }
}

impl Write for OneWay<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
