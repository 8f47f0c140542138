//! A stream, a program that sends it, and a receiver, each of which is killed and started again.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::Read,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use data_encoding::BASE64;
use tempfile::TempDir;

use crate::{
    http_sink::{letters, saved_seq},
    support::{
        events::post,
        jetstream::{Request, Server},
        program::{Rocketman, Running},
        wait_until,
    },
};

/// Events for each round.
const EVENTS: u64 = 100;

/// How often the key becomes another one.
const ROTATION: Duration = Duration::from_millis(100);

/// All that can go wrong, but for the event that is refused.
const FAULTS: [&str; 7] = [
    "sink-errors=1/30",
    "sink-429=1/100:0",
    "sink-stall=1/100",
    "sink-cut=1/30",
    "sink-close=1/20",
    "sink-slow=1/50",
    "sink-expire=50",
];

/// What was met.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many there were until all was saved.
    pub(super) rounds: u64,
    pub(super) programs: u64,
    pub(super) receivers: u64,
    /// Rounds in which the saved position rose.
    pub(super) got_on: u64,
    /// Rounds that ended while more was accepted than was saved.
    pub(super) in_the_middle: u64,
    /// Of them, those in which what was printed ends within a line.
    pub(super) torn: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.programs += other.programs;
        self.receivers += other.receivers;
        self.got_on += other.got_on;
        self.in_the_middle += other.in_the_middle;
        self.torn += other.torn;
    }
}

pub(super) struct World {
    rounds: u64,
    seed: u64,
    server: Server,
    /// One of the machine's own, so that nobody else is given its port meanwhile.
    address: SocketAddr,
    folder: TempDir,
}

impl World {
    pub(super) fn new(seed: u64, rounds: u64) -> Self {
        let n = EVENTS * rounds;
        let server = Server::every(move |request: Request| {
            let from = request.cursor().map_or(0, |seq| seq.saturating_sub(1));
            let mut connection = request.accept();
            connection.send_all((from..n).map(post));
            connection.until_closed();
        });
        let free = TcpListener::bind(format!("127.77.0.{seed}:0")).unwrap();
        Self {
            rounds,
            seed,
            server,
            address: free.local_addr().unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn n(&self) -> u64 {
        EVENTS * self.rounds
    }

    /// Kills and starts again until all is saved.
    pub(super) fn run(self) -> (Self, Tally) {
        let is_over = Arc::new(AtomicBool::new(false));
        rotate(self.folder.path(), 0);
        let rotating = {
            let (folder, is_over) = (self.folder.path().to_owned(), Arc::clone(&is_over));
            thread::spawn(move || {
                for n in 1.. {
                    thread::sleep(ROTATION);
                    if is_over.load(SeqCst) {
                        return;
                    }
                    rotate(&folder, n);
                }
            })
        };
        let mut tally = Tally::default();
        let (mut program, mut receiver) = (None, None);
        let mut before = 0;
        for round in 1..=self.rounds {
            self.start(&mut program, &mut receiver, round);
            let goal = (before + 1).max(self.n() * round / self.rounds / 2);
            self.wait_for(goal.min(self.n()));
            thread::sleep(Duration::from_micros(fastrand::u64(..20_000)));
            let kind = (self.seed + round) % 3;
            if kind != 0 {
                program.take().map(Running::kill);
                tally.programs += 1;
            }
            if kind != 1 {
                receiver.take().map(Running::kill);
                tally.receivers += 1;
            }
            let saved = self.saved();
            let accepted: BTreeSet<_> = self.accepted().into_iter().collect();
            tally.got_on += u64::from(saved > before);
            // The refused one is saved and not accepted.
            tally.in_the_middle += u64::from(accepted.len() as u64 > saved);
            tally.torn += u64::from(receiver.is_none() && mend(&self.received()));
            tally.rounds += 1;
            before = saved;
            if saved == self.n() {
                break;
            }
        }
        self.start(&mut program, &mut receiver, 0);
        self.wait_for(self.n());
        is_over.store(true, SeqCst);
        rotating.join().unwrap();
        (self, tally)
    }

    /// Starts what does not run.
    fn start(&self, program: &mut Option<Running>, receiver: &mut Option<Running>, round: u64) {
        receiver.get_or_insert_with(|| self.receive(round));
        program.get_or_insert_with(|| self.send());
    }

    fn receive(&self, round: u64) -> Running {
        let rkey = format!("sink-refuse=3l{:011}", self.n() / 2);
        let seed = format!("seed={}", self.seed * 1000 + round);
        let faults = FAULTS.into_iter().chain([&*rkey, &*seed]);
        let faults: Vec<_> = faults.map(|fault| format!("--fault {fault}")).collect();
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.received());
        let call = Rocketman::new(["serve"]).inside(self.folder.path());
        call.with(&format!("--http-sink {} --key-file key", self.address))
            .with(&faults.join(" "))
            .env("ROCKETMAN_HTTP_SIGN_SECRETS", secret())
            .stdout(file.unwrap())
            .start_elsewhere()
    }

    fn send(&self) -> Running {
        let call = Rocketman::tail(&self.server.url()).inside(self.folder.path());
        call.with("--cursor-file cursor --save-interval 20ms --begin oldest --batch 20,10ms")
            .with("--http-timeout 300ms --http-header-file headers --http-retries 20")
            .with("--on-http-error dead-letter=dead")
            .with(&format!("-o http://{}/hook", self.address))
            .env("ROCKETMAN_HTTP_SIGN_SECRETS", secret())
            .start()
    }

    fn wait_for(&self, seq: u64) {
        wait_until("it goes on", || self.saved() >= seq);
    }

    fn saved(&self) -> u64 {
        saved_seq(self.folder.path())
    }

    fn received(&self) -> PathBuf {
        self.folder.path().join("received")
    }

    /// The events that were printed, in their order.
    pub(super) fn accepted(&self) -> Vec<u64> {
        let bytes = fs::read(self.received()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let numbers = whole.lines().map(|line| {
            let (_, rest) = line.split_once("\"cursor\":").unwrap();
            let (number, _) = rest.split_once(',').unwrap();
            number.parse::<u64>().unwrap() - 1
        });
        numbers.collect()
    }

    /// The events in the dead letters.
    pub(super) fn letters(&self) -> Vec<u64> {
        let letters = letters(self.folder.path());
        letters.into_iter().map(|(event, _)| event).collect()
    }
}

fn secret() -> String {
    format!("whsec_{}", BASE64.encode(&[7; 32]))
}

/// Has both sides use another key.
fn rotate(folder: &Path, n: u64) {
    for (name, text) in [
        ("key", format!("key-{n}")),
        ("headers", format!("Authorization: Bearer key-{n}\n")),
    ] {
        let new = folder.join(format!("{name}.new"));
        fs::write(&new, text).unwrap();
        fs::rename(new, folder.join(name)).unwrap();
    }
}

/// Takes away a line that does not end, which was not answered. Returns whether there was one.
fn mend(path: &Path) -> bool {
    let Ok(mut file) = File::options().read(true).write(true).open(path) else {
        return false;
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text).unwrap();
    let whole = text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    file.set_len(whole as u64).unwrap();
    whole < text.len()
}
