//! Accounts that are changed while a stream is read.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex},
};

use rocketman::{
    Pipeline, PipelineSettings,
    cursor::{FileCursor, Saved},
    event::{Did, OwnedEvent},
    sink::ingest::Ingest,
    source::{
        WantedAccounts,
        jetstream::{Endpoint, JetstreamSettings},
    },
};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::support::{
    DEADLINE,
    events::{did, post},
    jetstream::{Connection, Request, Server},
    state_log::StateLog,
};

fn account(n: u64) -> Did {
    Did::parse(&did(n)).unwrap()
}

/// Reads these accounts and, once the first event has come, that one, until `count` events came or
/// the server says to stop. Returns their numbers, and what was said.
fn read(
    server: &Server,
    folder: &Path,
    accounts: &[u64],
    then: u64,
    count: u64,
    stop: &CancellationToken,
) -> (Vec<u64>, Vec<String>) {
    let settings = JetstreamSettings {
        endpoints: vec![Endpoint::parse(&server.url()).unwrap()],
        dids: accounts.iter().copied().map(account).collect(),
        ..JetstreamSettings::default()
    };
    let came = Arc::<Mutex<Vec<_>>>::default();
    let wanted = Arc::new(Mutex::new(None::<WantedAccounts>));
    let (kept, handle) = (Arc::clone(&came), Arc::clone(&wanted));
    let ingest = Ingest::new().on("app.bsky.feed.post", move |event: OwnedEvent| {
        kept.lock().unwrap().push(event.seq().unwrap());
        if let Some(handle) = handle.lock().unwrap().take() {
            handle.set([account(then)]);
            assert_eq!(handle.get(), [account(then)]);
        }
        async { Ok(()) }
    });
    let pipeline = Pipeline::ingest(settings, ingest)
        .cursor(FileCursor::open(folder.join("cursor")).unwrap())
        .settings(PipelineSettings {
            count: Some(count),
            ..PipelineSettings::default()
        });
    *wanted.lock().unwrap() = Some(pipeline.wanted_accounts());
    let said = StateLog::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let run = async {
        tokio::time::timeout(DEADLINE, pipeline.run(stop.clone().cancelled_owned())).await
    };
    said.during(|| runtime.block_on(run).unwrap().unwrap());
    let came = std::mem::take(&mut *came.lock().unwrap());
    (came, said.lines())
}

fn saved(folder: &Path) -> Saved {
    let glimpse = FileCursor::look(folder.join("cursor")).unwrap();
    glimpse.saved.unwrap()
}

/// The accounts of the next message, which has to be one of options.
fn asked_for(connection: &mut Connection) -> serde_json::Value {
    let Message::Text(text) = connection.receive() else {
        panic!("no text came");
    };
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["type"], "options_update");
    let collections = &told["payload"]["wantedCollections"];
    assert_eq!(*collections, serde_json::json!(["app.bsky.feed.post"]));
    told["payload"]["wantedDids"].clone()
}

type Script = Box<dyn FnOnce(Request) + Send>;

fn script(script: impl FnOnce(Request) + Send + 'static) -> Script {
    Box::new(script)
}

/// A server with these scripts, which tells on a connection beside them that it has everything.
fn serving<const N: usize>(scripts: [Script; N]) -> Server {
    let scripts = Mutex::new(VecDeque::from(scripts));
    Server::every(move |request| {
        if request.cursor() == Some(1_000_000_000_000_000) {
            let mut connection = request.accept();
            connection.send_all((0..30).map(post));
            connection.until_closed();
        } else {
            let script = scripts.lock().unwrap().pop_front();
            script.expect("no more connections")(request);
        }
    })
}

/// What comes of the second account after the first event of the first one, which is the place
/// that was reached and not asked for.
fn the_second_account(request: Request) {
    assert_eq!(request.parameters("wantedDids"), [did(2)]);
    assert_eq!(request.cursor(), Some(2));
    let mut connection = request.accept();
    connection.send_all([post(102), post(202)]);
    connection.until_closed();
}

/// Reads these accounts and from the first event on the second, of which two events come.
#[track_caller]
fn assert_changed(server: &Server, folder: &Path, accounts: &[u64]) {
    let (came, said) = read(server, folder, accounts, 2, 3, &CancellationToken::new());
    assert_eq!(came, [2, 103, 203]);
    assert_eq!(doubt(&said), None);
}

/// Says that the server counts otherwise, or lost something.
fn doubt(said: &[String]) -> Option<&String> {
    let words = ["GAP", "otherwise", "cannot tell"];
    said.iter()
        .find(|line| words.iter().any(|word| line.contains(word)))
}

#[test]
fn a_new_list_is_sent_on_the_same_connection_and_kept() {
    let server = serving([
        script(|request| {
            assert_eq!(request.parameters("wantedDids"), [did(1)]);
            let mut connection = request.accept();
            connection.send(post(1));
            assert_eq!(asked_for(&mut connection), serde_json::json!([did(2)]));
            // The first was on its way before the server knew.
            connection.send_all([post(101), post(102), post(201)]);
        }),
        script(|request| {
            assert_eq!(request.parameters("wantedDids"), [did(2)]);
            // That of account 1 was not wanted any more, and is no place that would come again.
            assert_eq!(request.cursor(), Some(103));
            let mut connection = request.accept();
            connection.send_all([post(102), post(202)]);
            connection.until_closed();
        }),
    ]);
    let folder = tempfile::tempdir().unwrap();
    assert_changed(&server, folder.path(), &[1]);
    let saved = saved(folder.path());
    assert_eq!(saved.place.seq(), Some(203));
    let filter = saved.filter.unwrap();
    assert!(
        filter.contains(&did(2)) && !filter.contains(&did(1)),
        "{filter}"
    );
}

#[test]
fn a_cut_right_after_the_change_asks_for_the_new_list() {
    let server = serving([
        script(|request| {
            let mut connection = request.accept();
            connection.send(post(1));
            asked_for(&mut connection);
        }),
        script(the_second_account),
    ]);
    assert_changed(&server, tempfile::tempdir().unwrap().path(), &[1]);
}

#[test]
fn a_place_that_was_reached_with_the_old_list_says_so() {
    let stop = CancellationToken::new();
    let end = stop.clone();
    let server = serving([
        script(move |request| {
            let mut connection = request.accept();
            connection.send(post(1));
            asked_for(&mut connection);
            end.cancel();
            connection.until_closed();
        }),
        script(|request| {
            assert_eq!(request.cursor(), Some(2));
            let mut connection = request.accept();
            connection.send(post(102));
            connection.until_closed();
        }),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let (came, _) = read(&server, folder.path(), &[1], 2, 9, &stop);
    assert_eq!(came, [2]);
    let filter = saved(folder.path()).filter.unwrap();
    assert!(
        filter.contains(&did(1)) && !filter.contains(&did(2)),
        "{filter}"
    );
    // So the next run, which wants the new list from the start, does not wait for the old event.
    let (came, said) = read(
        &server,
        folder.path(),
        &[2],
        2,
        1,
        &CancellationToken::new(),
    );
    assert_eq!(came, [103]);
    assert!(said.iter().any(|line| line.contains("with another filter")));
    assert_eq!(doubt(&said), None);
}

#[test]
fn from_all_accounts_to_some_a_new_connection_resumes() {
    let server = serving([
        script(|request| {
            assert_eq!(request.parameters("wantedDids"), [""; 0]);
            let mut connection = request.accept();
            connection.send(post(1));
            connection.until_closed();
        }),
        script(the_second_account),
    ]);
    assert_changed(&server, tempfile::tempdir().unwrap().path(), &[]);
}
