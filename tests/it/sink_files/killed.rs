//! kill -9 at random moments, again and again: afterwards each event is in the files once, in
//! order, and every file can be read.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use rustix::process::Signal;

use super::{event, post_in, stages::Stages};
use crate::support::{
    jetstream::{Request, Server},
    program::Rocketman,
    recorded::{assert_each_once, files_below},
    wait_until,
};

/// The number that the cursor file stands at.
fn saved(cursor: &Path) -> u64 {
    let text = fs::read_to_string(cursor).unwrap_or_default();
    let cursor: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    cursor["seq"].as_u64().unwrap_or(0)
}

/// Whether it is what the event that came after all others made.
fn is_more(path: &Path) -> bool {
    path.to_str().unwrap().contains("com.example.more")
}

/// What is killed, and how often.
pub struct Game {
    pub rounds: u64,
    pub events: u64,
    /// The server goes away too, after some thousand events of each connection.
    pub server_dies: bool,
}

/// As it is played in the suite.
const GAME: Game = Game {
    rounds: 8,
    events: 8_000,
    server_dies: false,
};

/// Something that is waited for.
#[derive(Default)]
struct Signpost(Mutex<bool>, Condvar);

impl Signpost {
    fn set(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        let is_set = self.0.lock().unwrap();
        drop(self.1.wait_while(is_set, |is_set| !*is_set).unwrap());
    }
}

impl Game {
    /// Sends as much as there is at the moment, and once all is there, one of a collection of its own
    /// when that is waited for.
    fn server(&self, length: Arc<AtomicU64>, one_more: Arc<Signpost>) -> Server {
        let (n_events, dies) = (self.events, self.server_dies);
        Server::every(move |request: Request| {
            let length = length.load(Relaxed);
            let from = request.cursor().map_or(0, |seq| seq - 1);
            let mut connection = request.accept();
            let end = if dies {
                length.min(from + fastrand::u64(1..3000))
            } else {
                length
            };
            connection.send_all((from..end).map(event));
            if end < length {
                return connection.cut();
            }
            if length == n_events {
                one_more.wait();
                connection.try_send(post_in(n_events, "com.example.more"));
            }
            connection.until_closed();
        })
    }

    /// Plays rounds of `rocketman tail -o out/NAME` with these arguments, and returns how many
    /// files there are in the end.
    pub fn play(&self, arguments: &str) -> usize {
        self.play_and_look(arguments).0
    }

    /// The same, and where the kills came.
    pub fn play_and_look(&self, arguments: &str) -> (usize, Stages) {
        let one_more = Arc::new(Signpost::default());
        let length = Arc::<AtomicU64>::default();
        let server = self.server(Arc::clone(&length), Arc::clone(&one_more));
        let folder = tempfile::tempdir().unwrap();
        let (out, cursor) = (folder.path().join("out"), folder.path().join("cursor"));
        fs::create_dir(&out).unwrap();
        let run = || {
            Rocketman::tail(&server.url())
                .with("--cursor-file cursor --save-interval 10ms --no-compress")
                .with(arguments)
                .inside(folder.path())
        };
        let (mut stages, mut n_further, mut n_behind) = (Stages::default(), 0, 0);
        for round in 1..=self.rounds {
            let before = saved(&cursor);
            // Every round has a little more to read.
            let share = self.events * round / (self.rounds + 1);
            length.store(share, Relaxed);
            let n_requests = server.requests().len();
            let running = run().start();
            server.wait_for_requests(n_requests + 1);
            if round % 2 == 0 {
                wait_until("it goes on", || saved(&cursor) > before);
            }
            thread::sleep(Duration::from_micros(fastrand::u64(..40_000)));
            running.kill();
            let now = saved(&cursor);
            n_further += u64::from(now > before);
            n_behind += u64::from(now < share);
            if arguments.contains(".parquet") {
                stages.note(&out, &cursor);
            }
        }
        println!(
            "{n_further} of {} runs got on, and {n_behind} were killed before their end{stages}",
            self.rounds
        );
        assert!(n_further > self.rounds / 5, "{n_further}");
        length.store(self.events, Relaxed);
        let running = run().with("-v").start();
        // A run that is stopped before it has begun leaves all as it is.
        running.message("connected");
        wait_until("the end of the stream", || saved(&cursor) == self.events);
        let has_groups = arguments.contains("{collection}") && arguments.contains(".parquet");
        if has_groups {
            // What is unfinished is a table only together with its journal.
            running.signal(Signal::HUP);
            running.message("the output was closed and opened again");
            one_more.set();
            wait_until("the others have their names", || {
                let files = files_below(&out);
                let is_open = |path: &&PathBuf| path.extension().unwrap() != "parquet";
                files.iter().filter(is_open).count() == 2
            });
        }
        running.signal(Signal::TERM);
        let output = running.finish();
        assert_eq!(output.code, Some(0), "{output:#?}");
        one_more.set();
        for path in files_below(&out).iter().filter(|path| is_more(path)) {
            fs::remove_file(path).unwrap();
        }
        if arguments.contains(".parquet") {
            let files = files_below(&out);
            let is_complete = |path: &PathBuf| path.extension().unwrap() == "parquet";
            assert!(files.iter().all(is_complete), "{files:#?}\n{output:#?}");
        }
        let n_files = assert_each_once(&out, self.events);
        let files = files_below(&out);
        let is_unfinished = |path: &&PathBuf| path.to_str().unwrap().ends_with(".partial");
        assert!(
            files.iter().filter(is_unfinished).count() <= 5,
            "{files:#?}"
        );
        (n_files, stages)
    }
}

#[test]
fn plain_with_rotation_by_size() {
    assert!(GAME.play("-o out/x.ndjson --rotate-size 100K") > 10);
}

#[test]
fn plain_by_time() {
    assert!(GAME.play("-o out/%H/%M%S.ndjson") >= 8);
}

#[test]
fn gzip_for_each_collection_with_few_of_them_open() {
    let flags = "-o out/{collection}.ndjson.gz --max-open-files 3 --checkpoint 4K,10ms";
    assert_eq!(GAME.play(flags), 5);
}

#[test]
fn a_file_for_two_collections_and_one_for_all_others() {
    let flags = "-o out/{collection}.ndjson --max-files 2";
    assert_eq!(GAME.play(flags), 3);
    let flags = "-o out/{collection}.zst --max-files 2 --max-open-files 1 --checkpoint 4K,10ms";
    assert_eq!(GAME.play(flags), 3);
}

#[test]
fn zstd_for_each_collection_by_time() {
    let flags =
        "-o out/{collection}/%M%S.zst --rotate-count 150 --checkpoint 4K,10ms --max-open-files 4";
    assert!(GAME.play(flags) > 30);
}

#[test]
fn zstd_by_time_and_size() {
    let flags = "-o out/%M.zst --rotate-every 3s --rotate-size 20K --checkpoint 4K,10ms";
    assert!(GAME.play(flags) > 10);
}

#[test]
fn one_file_of_zstd_and_one_of_gzip() {
    assert_eq!(GAME.play("-o out/x.zst --checkpoint 4K,10ms"), 1);
    assert_eq!(GAME.play("-o out/x.gz --checkpoint 4K,10ms"), 1);
}

#[test]
fn the_server_dies_too() {
    let game = Game {
        server_dies: true,
        ..GAME
    };
    assert!(game.play("-o out/{collection}/%M%S.gz --checkpoint 4K,10ms") > 30);
}
