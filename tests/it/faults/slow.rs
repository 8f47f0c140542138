//! Messages that take longer to arrive than any may, in runs of this process with a short limit.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rocketman::{
    Error, ErrorKind, Pipeline, PipelineSettings, Stats,
    cursor::FileCursor,
    event::{BadEvent, OwnedEvent, Start},
    sink::ingest::Ingest,
    source::{
        BadEventFile, OnGap,
        jetstream::{Endpoint, Jetstream, JetstreamSettings},
    },
};

use crate::support::{
    DEADLINE,
    events::{EPOCH, STEP, commit},
    jetstream::{Request, Server},
    state_log::StateLog,
};

const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// The event that is slow, and one that is as large and is not.
const SLOW: u64 = 2;
const LARGE: u64 = 4;

/// How many events there are.
const ALL: u64 = 6;

/// How a server sends the slow event, and what else it does.
#[derive(Debug, Clone, Copy)]
struct Manner {
    counts: bool,
    /// It leaves out what is larger than it is asked for.
    knows_sizes: bool,
    opcode: u8,
    /// How often the event is slow.
    times: usize,
}

const HONEST: Manner = Manner {
    counts: true,
    knows_sizes: true,
    opcode: TEXT,
    times: usize::MAX,
};

fn event(n: u64, counts: bool) -> String {
    let length = if n == SLOW || n == LARGE { 70_000 } else { 1 };
    let text = "x".repeat(length);
    let rest = format!(r#","record":{{"text":"{text}"}},"cid":"b"#);
    let seq = counts.then_some(n + 1);
    commit(n, seq, "create", "app.bsky.feed.post", &rest)
}

fn server(manner: Manner) -> Server {
    let met = AtomicUsize::new(0);
    let size = event(SLOW, manner.counts).len() as u64;
    Server::every(move |request: Request| {
        let from = match request.cursor() {
            Some(time_us) if time_us > EPOCH / 2 => time_us.saturating_sub(EPOCH).div_ceil(STEP),
            Some(seq) => seq - 1,
            None => 0,
        };
        let limit = request.parameters("maxMessageSizeBytes");
        let limit = limit.first().filter(|_| manner.knows_sizes);
        let limit = limit.map_or(u64::MAX, |limit| limit.parse().unwrap());
        let mut connection = request.accept();
        for n in from..ALL {
            let event = event(n, manner.counts);
            if event.len() as u64 > limit {
                continue;
            }
            if n == SLOW && met.fetch_add(1, Ordering::SeqCst) < manner.times {
                connection.trickle(manner.opcode, size, &event.as_bytes()[..200]);
                return;
            }
            connection.send(event);
        }
        connection.until_closed();
    })
}

/// What came of a run until this many events were delivered, or it failed.
struct Outcome {
    error: Option<Error>,
    lines: Vec<String>,
    said: Vec<String>,
    stats: Arc<Stats>,
}

impl Outcome {
    /// Wants all events but this one, in order and once each.
    fn assert_all_but(&self, left_out: Option<u64>, counts: bool) {
        let wanted = (0..ALL).filter(|n| Some(*n) != left_out);
        let wanted: Vec<_> = wanted.map(|n| event(n, counts)).collect();
        assert!(self.error.is_none(), "{:?}", self.error);
        assert!(self.lines == wanted, "{:#?}", self.said);
    }

    /// The only line that says this.
    fn line(&self, words: &str) -> &str {
        let mut lines = self.said.iter().filter(|line| line.contains(words));
        let line = lines.next();
        assert_eq!(lines.next(), None, "{words} twice");
        line.unwrap_or_else(|| panic!("no {words} in {:#?}", self.said))
    }
}

fn run(servers: &[&Server], count: u64, on_gap: OnGap, folder: &Path) -> Outcome {
    let endpoint = |server: &&Server| Endpoint::parse(&server.url()).unwrap();
    let settings = JetstreamSettings {
        endpoints: servers.iter().map(endpoint).collect(),
        message_timeout: Duration::from_millis(500),
        max_backoff: Duration::from_millis(10),
        on_gap,
        bad_events: Some(Arc::new(BadEventFile::open(folder.join("bad")).unwrap())),
        ..JetstreamSettings::default()
    };
    let (stats, lines) = (Arc::<Stats>::default(), Arc::<Mutex<Vec<_>>>::default());
    let source = Jetstream::new(settings);
    let kept = Arc::clone(&lines);
    let ingest = Ingest::new().otherwise(move |event: OwnedEvent| {
        let line = String::from_utf8(event.line().to_vec()).unwrap();
        kept.lock().unwrap().push(line);
        async { Ok(()) }
    });
    let pipeline = Pipeline::new(source, ingest)
        .cursor(FileCursor::open(folder.join("cursor")).unwrap())
        .stats(Arc::clone(&stats))
        .settings(PipelineSettings {
            count: Some(count),
            ..PipelineSettings::default()
        });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let said = StateLog::default();
    let result = said.during(|| {
        let run = pipeline.run(std::future::pending());
        runtime.block_on(async { tokio::time::timeout(DEADLINE, run).await })
    });
    let summary = result.unwrap_or_else(|_| panic!("it does not end: {:#?}", said.lines()));
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    Outcome {
        error: summary.err(),
        lines,
        said: said.lines(),
        stats,
    }
}

fn cursors(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let queries = requests.iter().map(|target| {
        let query = target.split_once('?').unwrap_or_default().1;
        query.replace("compress=true", "").replace('&', " ")
    });
    queries.map(|query| query.trim().to_owned()).collect()
}

#[test]
fn a_message_that_never_arrives_is_left_out_alone() {
    for opcode in [TEXT, BINARY] {
        let folder = tempfile::tempdir().unwrap();
        let server = server(Manner { opcode, ..HONEST });
        let outcome = run(&[&server], ALL - 1, OnGap::Warn, folder.path());
        outcome.assert_all_but(Some(SLOW), true);
        let size = event(SLOW, true).len();
        let limit = if opcode == TEXT {
            size - 1
        } else {
            // What it is compressed from may be a little smaller.
            size - size / 512 - 65
        };
        // Without the limit again from the first event that came, for others are as large.
        let by_size = format!("maxMessageSizeBytes={limit} cursor=2");
        assert_eq!(cursors(&server), ["", "cursor=2", &*by_size, "cursor=4"]);
        let time = |n| Start::Time(EPOCH + n * STEP).to_string();
        let line = format!(
            "GAP from={} to={}: a message of {size} bytes took longer than 500ms to arrive, 2 times; it is left out, with others of its size in between",
            time(1),
            time(3)
        );
        assert_eq!(outcome.line("GAP"), line);
        outcome.line("wherever it was asked for; it is skipped");
        assert_eq!(outcome.stats.gaps(), 1);
        assert_eq!(outcome.stats.bad_of(BadEvent::TooSlow), 1);
        let kept = fs::read_to_string(folder.path().join("bad")).unwrap();
        assert!(kept.contains(r#""class":"too_slow""#), "{kept}");
        assert!(kept.contains("did:plc:"), "{kept}");
    }
}

#[test]
fn what_is_sent_all_the_same_is_passed_by_its_place() {
    for counts in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let server = server(Manner {
            counts,
            knows_sizes: false,
            ..HONEST
        });
        let outcome = run(&[&server], ALL - 1, OnGap::Warn, folder.path());
        outcome.assert_all_but(Some(SLOW), counts);
        let last = cursors(&server).pop().unwrap();
        let after = if counts {
            SLOW + 2
        } else {
            EPOCH + SLOW * STEP + 1
        };
        assert_eq!(last, format!("cursor={after}"));
        assert!(
            outcome
                .line("GAP")
                .ends_with("with whatever lies in between"),
            "{:?}",
            outcome.said
        );
        assert_eq!(outcome.stats.gaps(), 1);
    }
}

/// What is compressed does not say in its first bytes which event it is.
#[test]
fn what_does_not_say_its_place_is_passed_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(Manner {
        knows_sizes: false,
        opcode: BINARY,
        ..HONEST
    });
    let outcome = run(&[&server], ALL - 1, OnGap::Warn, folder.path());
    outcome.assert_all_but(Some(SLOW), true);
    assert_eq!(cursors(&server).last().unwrap(), "cursor=4");
    outcome.line("GAP");
}

#[test]
fn on_gap_fail_ends_before_what_never_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(HONEST);
    let outcome = run(&[&server], ALL, OnGap::Fail, folder.path());
    assert_eq!(outcome.lines, [0, 1].map(|n| event(n, true)));
    let error = outcome.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Gap);
    assert!(error.to_string().contains("it is left out"), "{error}");
    // The next run goes on before it.
    let next = run(&[&server], 3, OnGap::Warn, folder.path());
    assert_eq!(next.lines.len(), 3, "{:#?}", next.said);
    assert_eq!(next.lines[0], event(3, true));
    next.line("GAP");
}

#[test]
fn a_message_that_is_slow_once_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(Manner { times: 1, ..HONEST });
    let outcome = run(&[&server], ALL, OnGap::Warn, folder.path());
    outcome.assert_all_but(None, true);
    assert_eq!(cursors(&server), ["", "cursor=2"]);
    let size = event(SLOW, true).len();
    outcome.line(&format!(
        "lost {}: a message of {size} bytes took longer than 500ms to arrive; trying again",
        server.url()
    ));
}

#[test]
fn what_one_server_sends_slowly_another_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let slow = server(HONEST);
    let good = server(Manner { times: 0, ..HONEST });
    let outcome = run(&[&slow, &good], ALL, OnGap::Warn, folder.path());
    outcome.assert_all_but(None, true);
    assert_eq!(outcome.stats.gaps(), 0);
}
