//! A server of a live stream that is killed, and its upstream cut: what consumers get.

use std::{fs, path::Path};

use rustix::process::Signal;

use super::{Piped, files, number, unnumbered};
use crate::support::{
    events::post,
    program::{Rocketman, Running},
    serve::Serving,
    wait_until,
};

/// How many events there are.
const N: usize = 3000;

/// A run that reads into a file, exactly once whatever happens to the server.
fn reader(address: &str, source: &str, name: &str, first: u64, folder: &Path) -> Running {
    let source = source.replace("ADDRESS", address);
    Rocketman::tail(&source)
        .with(&format!("-n {N} --begin {first} --save-interval 50ms"))
        .with(&format!("-o {name} --cursor-file {name}.cursor"))
        .inside(folder)
        .start()
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn kills_and_cuts_lose_nothing_and_give_no_number_twice() {
    let upstream = Serving::new("demo:?rate=3000 --fault cut-every=400");
    let first = number(upstream.tail("-n 1").succeed().lines()[0]);
    let folder = tempfile::tempdir().unwrap();
    let start = |port: &str| {
        Rocketman::new(["serve", &upstream.url, "--store", "kept"])
            .with(&format!("--begin {first} --listen 127.0.0.1:{port}"))
            .inside(folder.path())
    };
    let server = Serving::start(start("0"));
    let address = server.address().to_owned();
    let port = address.rsplit_once(':').unwrap().1;
    let mut server = server.running;
    let wires = [("ws://ADDRESS/subscribe", "v1"), ("http://ADDRESS", "v2")];
    let readers = wires.map(|(source, name)| reader(&address, source, name, 0, folder.path()));
    for kill in 1..=4 {
        let is_there = || lines(&folder.path().join("v1")).len() >= kill * N / 6;
        wait_until("enough events came", is_there);
        server.kill();
        server = start(port).start();
        server.message("serving ");
    }
    for reader in readers {
        let output = reader.finish();
        assert_eq!(output.code, Some(0), "{}", output.stderr);
    }
    let [one, two] = ["v1", "v2"].map(|name| lines(&folder.path().join(name)));
    assert_eq!(one.len(), N);
    assert!(one == two, "the wires differ");
    let numbers: Vec<_> = one.iter().map(|line| number(line)).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next));
    // All of upstream, in its order.
    let all = upstream.tail(&format!("-n {N} --cursor {first}")).succeed();
    let expected: Vec<_> = all.lines().into_iter().map(unnumbered).collect();
    let got: Vec<_> = one.iter().map(|line| unnumbered(line)).collect();
    let differs = got
        .iter()
        .zip(&expected)
        .position(|(got, wanted)| got != wanted);
    assert_eq!(differs, None);
    // Who comes now gets the same under the same numbers.
    let again = Rocketman::tail(&format!("ws://{address}/subscribe"));
    let again = again
        .with(&format!("-n {N} --cursor {}", numbers[0]))
        .succeed();
    assert!(again.lines() == one);
    server.kill();
}

/// A line without what a kill of its server changes.
fn untimed(line: &str) -> String {
    let line = unnumbered(line);
    let (before, rest) = line.split_once(",\"time_us\":").unwrap();
    let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{behind}")
}

#[test]
fn an_upstream_that_gives_numbers_again_is_kept_once() {
    const EVENTS: usize = 1500;
    let folder = tempfile::tempdir().unwrap();
    let record = Rocketman::new(["tail", "demo:?rate=max&seed=5", "-o", "recorded.ndjson"]);
    let record = record.with(&format!("-n {EVENTS}")).inside(folder.path());
    record.succeed();
    let upstream = Rocketman::new(["serve", "recorded.ndjson", "--speed", "max"]);
    let upstream = upstream.with("--fault renumber@600");
    let upstream = Serving::start(upstream.inside(folder.path()));
    let start = || {
        let call = Rocketman::new(["serve", &upstream.url, "--store", "kept"]);
        Serving::start(call.with("--begin 1").inside(folder.path()))
    };
    let server = start();
    server.running.message("renumbered its events");
    server.running.kill();
    let server = start();
    let output = server.tail(&format!("-n {EVENTS} --cursor 0")).succeed();
    let got: Vec<_> = output.lines().into_iter().map(untimed).collect();
    let recorded = lines(&folder.path().join("recorded.ndjson"));
    let expected: Vec<_> = recorded.iter().map(|line| untimed(line)).collect();
    let differs = got
        .iter()
        .zip(&expected)
        .position(|(got, wanted)| got != wanted);
    assert_eq!(differs, None);
    let numbers: Vec<_> = output.lines().into_iter().map(number).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next));
}

#[test]
fn a_torn_end_is_cut_off_and_damage_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("kept");
    let start = || Rocketman::new(["serve", "-", "--store", "kept"]).inside(folder.path());
    let mut piped = Piped::call(start());
    let mut tail = piped.server.tail("--cursor 0").start();
    piped.write((0..10).map(post));
    let before = tail.lines(10);
    piped.write((10..20).map(post));
    tail.lines(10);
    piped.server.running.kill();
    let [file] = files(&store).try_into().unwrap();
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 7]).unwrap();
    let mut piped = Piped::call(start());
    piped.write([post(20)]);
    let url = piped.server.url.clone();
    let output = Rocketman::tail(&url).with("-n 11 --cursor 0").succeed();
    let lines = output.lines();
    assert_eq!(lines[..10], before);
    assert!(number(lines[10]) > number(&before[9]) + 20, "{}", lines[10]);
    piped.server.running.signal(Signal::TERM);
    let output = piped.server.running.finish();
    output.assert_says(
        0,
        &[
            "was not written whole, and is cut off",
            "stopped by SIGTERM",
        ],
    );
    // A byte in the middle of what was written to its end.
    fs::remove_file(file.with_extension("index")).unwrap();
    let mut damaged = whole;
    damaged[200] ^= 1;
    fs::write(&file, damaged).unwrap();
    let output = Piped::refused(start());
    output.assert_says(
        2,
        &["is damaged from byte", ".events'", "move that file away"],
    );
    fs::write(&file, "no store").unwrap();
    let output = Piped::refused(start());
    output.assert_says(2, &["is no file of a store", "--store"]);
    fs::remove_file(&file).unwrap();
    let server = Serving::start(start());
    let left = server.tail("-n 1 --cursor 0").succeed();
    assert_eq!(left.lines(), &lines[10..]);
    let other = Piped::refused(start());
    other.assert_says(
        7,
        &["'kept' is in use by another process", "--store of its own"],
    );
}

impl Piped {
    fn refused(call: Rocketman) -> crate::support::program::Output {
        call.with("--listen 127.0.0.1:0").run()
    }
}
