//! How much of a live stream is kept, and what becomes of cursors from before that.

use std::fs;

use rustix::process::Signal;

use super::{Piped, files, number, unnumbered};
use crate::support::{
    disk::SmallDisk, events::post, http::ask, program::Rocketman, serve::Serving, wait_until,
};

#[test]
fn what_is_beyond_the_retention_goes_and_cursors_hear_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("kept");
    let call = Rocketman::new(["serve", "-", "--store", "kept", "--retain", "1M"]);
    let mut piped = Piped::call(call.inside(folder.path()));
    let mut tail = piped.server.tail("-v --no-compress").start();
    tail.message("connected");
    let mut lines = Vec::new();
    for n in 0..16 {
        piped.write((n * 500..(n + 1) * 500).map(post));
        lines.extend(tail.lines(500));
    }
    let (first, last) = (number(&lines[0]), lines.pop().unwrap());
    let bytes: u64 = files(&store)
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
        .sum();
    assert!((700_000..1_200_000).contains(&bytes), "{bytes}");
    let address = piped.server.address().to_owned();
    let request = format!(
        "GET /xrpc/network.bsky.jetstream.subscribeEvents?cursor={first} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let refused = ask(&address, request.as_bytes());
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.body.contains("CursorTooOld"), "{}", refused.body);
    // On v1 it begins at the first event that is there, and the client sees what is missing.
    let from = format!("-n 1 --cursor {first} --on-gap fail");
    let output = piped.server.tail(&from).run();
    output.assert_says(4, &["GAP"]);
    let from = format!("-n 1 --cursor {}", number(&last));
    assert_eq!(piped.server.tail(&from).succeed().lines(), [&last]);
    piped.server.running.signal(Signal::TERM);
    assert_eq!(piped.server.running.finish().code, Some(0));
    // The next start has less to keep, and the same numbers.
    let call = Rocketman::new(["serve", "-", "--store", "kept", "--retain", "1h,1M"]);
    let server = Serving::start(call.inside(folder.path()));
    assert_eq!(server.tail(&from).succeed().lines(), [last]);
}

#[test]
fn what_is_older_than_the_retention_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("kept");
    let call = Rocketman::new(["serve", "-", "--store", "kept", "--retain", "500ms"]);
    let mut piped = Piped::call(call.inside(folder.path()));
    piped.write([post(0)]);
    wait_until("it is kept", || files(&store).len() == 1);
    let oldest = files(&store).remove(0);
    let mut n = 0;
    wait_until("it is gone", || {
        n += 1;
        piped.write([post(n)]);
        !oldest.exists()
    });
    let left = piped.server.tail("-n 1 --cursor 0").succeed();
    assert_ne!(unnumbered(left.lines()[0]), unnumbered(&post(0)));
}

#[test]
fn nothing_is_sent_that_a_full_disk_does_not_take() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(_disk) = SmallDisk::mount(&small) else {
        return;
    };
    let ballast = small.join("ballast");
    fs::write(&ballast, vec![0; 150 * 1024]).unwrap();
    let call = Rocketman::new(["serve", "-", "--store", "small/kept"]);
    let mut piped = Piped::call(call.inside(folder.path()));
    let mut tail = piped.server.tail("-v --cursor 0").start();
    tail.message("connected");
    piped.write((0..600).map(post));
    let told = piped
        .server
        .running
        .message("the disk is full, waiting for room");
    assert!(
        told.contains("nothing is sent that is not stored"),
        "{told}"
    );
    fs::remove_file(&ballast).unwrap();
    piped
        .server
        .running
        .message("there is room on the disk again");
    let lines = tail.lines(600);
    assert!(lines.is_sorted_by_key(|line| number(line)));
    let last = unnumbered(&lines[599]);
    assert_eq!(last, unnumbered(&post(599)));
    // Full again, it is stopped: that is a failure, for not all could be written.
    piped.write((600..2000).map(post));
    piped
        .server
        .running
        .message("the disk is full, waiting for room");
    piped.server.running.signal(Signal::TERM);
    piped.server.running.finish().assert_says(1, &["error: "]);
}
