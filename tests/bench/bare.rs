//! The yardstick: a WebSocket loop that writes payload and newline, and does nothing else.

use std::io::Write;

use futures_util::StreamExt;
use tokio_tungstenite::{connect_async, tungstenite::Message};

const DICTIONARY: &[u8] = include_bytes!("../../src/wire/dictionary/v1.zdict");

/// Reads `n` events and writes them to stdout through a buffer of 256 KiB, which is emptied
/// after each if `flushes`.
pub fn run(url: &str, n_events: usize, flushes: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut socket, _) = connect_async(url).await.unwrap();
        let mut out = std::io::BufWriter::with_capacity(256 * 1024, std::io::stdout());
        let mut inflater = zstd::bulk::Decompressor::with_dictionary(DICTIONARY).unwrap();
        let mut inflated = Vec::with_capacity(64 * 1024);
        for _ in 0..n_events {
            match socket.next().await.unwrap().unwrap() {
                Message::Text(text) => out.write_all(text.as_bytes()).unwrap(),
                Message::Binary(frame) => {
                    inflated.clear();
                    inflater
                        .decompress_to_buffer(&frame, &mut inflated)
                        .unwrap();
                    out.write_all(&inflated).unwrap();
                }
                other => panic!("{other:?}"),
            }
            out.write_all(b"\n").unwrap();
            if flushes {
                out.flush().unwrap();
            }
        }
        out.flush().unwrap();
    });
}
