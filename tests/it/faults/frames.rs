//! Frames that are not frames, have no end, or are bombs.

use std::{sync::mpsc, time::Duration};

use super::{AT_ONCE, interrupted};
use crate::support::{DEADLINE, events::post, jetstream::Server, program::Rocketman};

#[test]
fn what_cannot_be_a_frame_ends_the_connection_and_is_resumed() {
    let long = [&[0x89, 126, 0, 200][..], &[b'x'; 200]].concat();
    for garbage in [
        // An extension, a mask, an unknown kind, a ping of 200 bytes, a ping in parts.
        &[0xc1, 1, b'x'][..],
        &[0x81, 0x81, 0, 0, 0, 0, b'x'],
        &[0x83, 1, b'x'],
        &long,
        &[0x09, 1, b'x'],
        // A message goes on that did not begin; one begins inside of another.
        &[0x80, 1, b'x'],
        &[0x01, 1, b'x', 0x81, 1, b'x'],
        // The same, and a kind that nobody knows, of more bytes than are held: at once, and not
        // once they have come.
        &[0x80, 127, 0, 0, 0, 0, 0x20, 0, 0, 0],
        &[0x8b, 127, 0, 0, 0, 0, 0x20, 0, 0, 0],
        // Messages without end, which would swallow the stream.
        &[0x81, 127, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        // Something else altogether.
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        &[0xff; 4096],
    ] {
        let garbage = garbage.to_vec();
        let survived = interrupted("", move |mut connection| {
            connection.send_raw(&garbage);
            connection.until_closed();
        });
        survived.assert_told("broke the WebSocket protocol", Duration::ZERO..AT_ONCE);
    }
}

/// A zstd frame of a few kilobytes that inflates to `n` blocks of 128 KiB, all of zeros (RFC
/// 8878, section 3.1).
fn bomb(blocks: u32, tells_size: bool) -> Vec<u8> {
    const BLOCK: u32 = 128 * 1024;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd];
    // A window of 128 KiB, and the dictionary of the wire by its id; the size takes eight bytes, or
    // is not told.
    frame.push(if tells_size { 0b1100_0011 } else { 0b0000_0011 });
    frame.push(7 << 3);
    frame.extend(1_612_007_021_u32.to_le_bytes());
    if tells_size {
        frame.extend((u64::from(blocks) * u64::from(BLOCK)).to_le_bytes());
    }
    for n in 1..=blocks {
        let (is_last, repeats_one_byte) = (u32::from(n == blocks), 1 << 1);
        let head = (is_last | repeats_one_byte | BLOCK << 3).to_le_bytes();
        frame.extend([head[0], head[1], head[2], 0]);
    }
    frame
}

#[test]
fn a_bomb_is_skipped_and_memory_stays_flat() {
    /// Room for one event of the largest size, which a buffer may exceed by doubling.
    const ROOM: u64 = 2 * 8 * 1024;
    // Each inflates to 300 MB.
    let bombs = [bomb(2400, true), bomb(2400, false)];
    assert!(bombs.iter().all(|bomb| bomb.len() < 10_000));
    let (go_on, may_go_on) = mpsc::channel();
    let server = Server::one(move |request| {
        let mut connection = request.accept();
        connection.send(post(0));
        may_go_on.recv_timeout(DEADLINE).unwrap();
        for bomb in bombs.iter().cycle().take(50) {
            connection.send_binary(bomb.clone());
        }
        connection.send(post(1));
        may_go_on.recv_timeout(DEADLINE).unwrap();
        connection.send(post(2));
        connection.until_closed();
    });
    let mut running = Rocketman::tail(&server.url()).with("-n 3").start();
    assert_eq!(running.line(), post(0));
    let before = running.peak_kilobytes();
    go_on.send(()).unwrap();
    assert_eq!(running.line(), post(1));
    let grown = running.peak_kilobytes() - before;
    go_on.send(()).unwrap();
    assert_eq!(running.line(), post(2));
    let output = running.finish();
    output.assert_says(
        0,
        &[
            "it is larger than the size limit",
            "50 malformed messages skipped",
        ],
    );
    let told = output.stderr.matches("skipped a message").count();
    assert_eq!(told, 1, "{output:#?}");
    assert!(grown < ROOM, "memory grew by {grown} kB");
}
