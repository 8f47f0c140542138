//! Events read as a stream, from servers that cut, and by a program that is killed.

use std::{collections::BTreeMap, time::Duration};

use rocketman::{
    Deliveries, Delivery, Pipeline, PipelineSettings, cursor::FileCursor,
    source::jetstream::JetstreamSettings,
};
use tokio::task::JoinSet;

use super::{kill::cursor, start};
use crate::support::{
    DEADLINE,
    events::{post, posts},
    jetstream::{Request, Server},
    program::Running,
    wait_until,
};

const TOTAL: u64 = 3_000;

/// Sends posts up to `TOTAL` from where it is asked to, and cuts each connection after `n` of them.
fn cutting_every(n: u64) -> impl Fn(Request) + Send + Sync + 'static {
    move |request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let to = (from + n).min(TOTAL);
        let mut connection = request.accept();
        connection.send_all((from..to).map(post));
        if to < TOTAL {
            connection.cut();
        } else {
            connection.until_closed();
        }
    }
}

fn deliveries(server: &Server, folder: &std::path::Path) -> Deliveries {
    let settings = JetstreamSettings {
        endpoints: vec![server.url().parse().unwrap()],
        ..JetstreamSettings::default()
    };
    let settings_of_run = PipelineSettings {
        save_every: Duration::from_millis(20),
        ..PipelineSettings::default()
    };
    // A process that another test starts has the lock too, until it runs its own program.
    let mut cursor = None;
    wait_until("the lock of the cursor", || {
        cursor = FileCursor::open(folder.join("cursor")).ok();
        cursor.is_some()
    });
    Pipeline::events(settings)
        .cursor(cursor.unwrap())
        .settings(settings_of_run)
        .into_stream()
}

async fn next(deliveries: &mut Deliveries) -> Delivery {
    let next = tokio::time::timeout(DEADLINE, deliveries.next()).await;
    next.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn a_stream_survives_cuts_and_gives_each_event_once() {
    let server = Server::every(cutting_every(700));
    let folder = tempfile::tempdir().unwrap();
    let mut deliveries = deliveries(&server, folder.path());
    for n in 1..=TOTAL {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.seq(), Some(n));
        delivery.ack();
    }
    let summary = deliveries.finish().await.unwrap();
    assert_eq!(summary.accepted, TOTAL);
    assert_eq!(cursor(folder.path(), "cursor"), TOTAL);
    assert!(server.requests().len() > 4);
}

#[tokio::test]
async fn tasks_acknowledge_in_their_own_order_over_many_runs() {
    let server = Server::every(cutting_every(400));
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    let (mut last, mut repeats) = (0, 0);
    let mut times: BTreeMap<u64, u64> = BTreeMap::new();
    while last < TOTAL {
        let mut deliveries = deliveries(&server, folder.path());
        let mut tasks = JoinSet::new();
        // Also those that came before and were not acknowledged in time: no more are left.
        for _ in 0..random.u64(1..600).min(TOTAL - last) {
            let delivery = next(&mut deliveries).await;
            let seq = delivery.seq().unwrap();
            assert!(seq > last, "{seq} was acknowledged in a run before");
            *times.entry(seq).or_default() += 1;
            let wait = Duration::from_micros(random.u64(..2_000));
            tasks.spawn(async move {
                tokio::time::sleep(wait).await;
                delivery.ack();
            });
        }
        if random.bool() {
            // Some are not done when it ends.
            tasks.join_next().await;
        } else {
            tasks.join_all().await;
        }
        let given = times.keys().next_back().copied().unwrap();
        deliveries.finish().await.unwrap();
        last = cursor(folder.path(), "cursor");
        repeats += given - last;
    }
    assert_eq!(times.len() as u64, TOTAL);
    let n_again: u64 = times.values().map(|n| n - 1).sum();
    assert!(n_again <= repeats, "{n_again} came again, {repeats} may");
}

#[test]
fn the_example_loses_nothing_when_it_is_killed_again_and_again() {
    let server = Server::every(posts(TOTAL));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut random = fastrand::Rng::with_seed(8);
    let mut times: BTreeMap<u64, u64> = BTreeMap::new();
    let seq_of = |line: &str| -> Option<u64> {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        event["cursor"].as_u64()
    };
    let start = || start("stream", &server.url(), folder);
    let mut n_kills = 0;
    while (times.len() as u64) < TOTAL {
        let mut running: Running = start();
        let mut missing = random.u64(1..TOTAL / 6).min(TOTAL - times.len() as u64);
        while missing > 0 {
            if let Some(seq) = seq_of(&running.line()) {
                missing -= u64::from(!times.contains_key(&seq));
                *times.entry(seq).or_default() += 1;
            }
        }
        let rest = running.kill();
        n_kills += 1;
        for seq in rest.lines().filter_map(seq_of) {
            *times.entry(seq).or_default() += 1;
        }
        // What the cursor counts is printed.
        let counted = cursor(folder, "stream.cursor");
        assert_eq!(times.range(..=counted).count() as u64, counted);
    }
    assert!(n_kills > 4, "{n_kills} kills");
    let mut running = start();
    // Nothing comes again where the last save was in time.
    while cursor(folder, "stream.cursor") < TOTAL {
        if seq_of(&running.line()) == Some(TOTAL) {
            wait_until("the cursor at the end", || {
                cursor(folder, "stream.cursor") == TOTAL
            });
        }
    }
    running.kill();
    assert!(times.keys().copied().eq(1..=TOTAL));
}

#[test]
fn the_example_ends_by_ctrl_c_and_goes_on_exactly_there() {
    let server = Server::every(posts(50));
    let folder = tempfile::tempdir().unwrap();
    let mut running = start("stream", &server.url(), folder.path());
    while !running.line().contains(r#""cursor":50,"#) {}
    running.signal(rustix::process::Signal::INT);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(cursor(folder.path(), "stream.cursor"), 50);
}
