//! How much memory a run takes whose sink is slower than its source.

use std::{
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use super::{
    DEADLINE,
    events::commit,
    jetstream::Server,
    program::{Output, Rocketman},
};

/// The size of a large event.
pub const MEBIBYTE: usize = 1024 * 1024;

/// The size of a usual one.
const USUAL: usize = 300;

/// The events of a run.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub events: u64,
    /// The size of each.
    pub bytes: usize,
}

impl Load {
    /// A server that sends them as fast as they are taken. The accounts are a hundred.
    pub fn server(self) -> Server {
        let event = |n, text: &str| {
            let rest = format!(r#","record":{{"text":"{text}"}},"cid":"b"#);
            commit(n, Some(n + 1), "create", "app.bsky.feed.post", &rest)
        };
        let room = self.bytes.saturating_sub(event(0, "").len());
        // Nothing that compresses to almost nothing.
        let mut random = fastrand::Rng::with_seed(1);
        let text: String = (0..room).map(|_| random.alphanumeric()).collect();
        Server::every(move |request| {
            let mut connection = request.accept();
            for n in 0..self.events {
                if !connection.try_send(event(n, &text)) {
                    return;
                }
            }
            connection.until_closed();
        })
    }
}

/// Reads a pipe slowly: what a pipe holds at once, and then a pause.
fn read_slowly(mut pipe: impl Read) -> u64 {
    let mut buffer = vec![0; 64 * 1024];
    let mut n_lines = 0;
    while let Ok(n @ 1..) = pipe.read(&mut buffer) {
        n_lines += memchr::memchr_iter(b'\n', &buffer[..n]).count() as u64;
        thread::sleep(Duration::from_millis(5));
    }
    n_lines
}

/// The peak memory of a run over this load in kilobytes, and how many lines it printed to a reader
/// that takes its time.
pub fn peak_of(call: Rocketman, load: Load) -> (u64, u64) {
    let (reader, writer) = std::io::pipe().unwrap();
    let call = call.env("ROCKETMAN_COUNT", load.events.to_string());
    let reader = thread::spawn(move || read_slowly(reader));
    let running = call.stdout(Stdio::from(writer)).start_elsewhere();
    let deadline = Instant::now() + 20 * DEADLINE;
    let mut peak = 0;
    while !running.has_ended() {
        assert!(Instant::now() < deadline, "it takes too long");
        peak = peak.max(peak_kilobytes(running.id()));
        thread::sleep(Duration::from_millis(2));
    }
    let Output { code, stderr, .. } = running.finish();
    assert_eq!(code, Some(0), "{stderr}");
    (peak, reader.join().unwrap())
}

/// Runs twice, and returns both peaks in kilobytes: with this many usual events, and with this many
/// large ones. `./slow` is a program that takes its time to read.
pub fn peaks(flags: &str, program: &str, n_usual: u64, n_large: u64) -> [u64; 2] {
    [(n_usual, USUAL), (n_large, MEBIBYTE)].map(|(events, bytes)| {
        let load = Load { events, bytes };
        let server = load.server();
        let mut call = Rocketman::tail(&server.url()).with(flags);
        let slow = "#!/bin/sh\nwhile read -r line; do echo \"$line\"; done\n";
        fs::write(call.path("slow"), slow).unwrap();
        fs::set_permissions(call.path("slow"), fs::Permissions::from_mode(0o755)).unwrap();
        if !program.is_empty() {
            call = call.arg(program);
        }
        let (peak, n_lines) = peak_of(call, load);
        assert!(
            n_lines == events || flags.contains("-o "),
            "{n_lines} lines"
        );
        peak
    })
}

/// The peak memory of a process so far.
pub fn peak_kilobytes(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|peak| peak.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
