//! Collections of which nothing comes: a mistyped name is told from a rare one by a look at the
//! whole stream.

use std::time::Duration;

use rocketman::{
    Pipeline,
    event::{CollectionPattern, Did},
    sink::ingest::Ingest,
    source::jetstream::{Endpoint, Jetstream, JetstreamSettings},
};
use tokio_util::sync::CancellationToken;

use crate::support::{
    DEADLINE,
    events::{commit, did, identity},
    jetstream::{Request, Server},
    state_log::StateLog,
};

/// Asks for these collections, and of these accounts, where `matching` comes and otherwise only
/// identities, and where a look without a filter sees 2,000 events of `seen`. Returns what was said
/// when that look is over.
fn said(collections: &[&str], dids: &[Did], matching: Option<&str>, seen: &[&str]) -> Vec<String> {
    let stop = CancellationToken::new();
    let over = stop.clone();
    let matching = matching.map(|collection| commit(1, Some(2), "create", collection, ""));
    let seen: Vec<_> = (0..2000)
        .zip(seen.iter().cycle())
        .map(|(n, collection)| commit(n, Some(n + 1), "create", collection, ""))
        .collect();
    let server = Server::every(move |request: Request| {
        let is_look = request.parameters("wantedCollections").is_empty();
        let mut connection = request.accept();
        if is_look {
            connection.send_all(seen.clone());
            connection.until_closed();
            over.cancel();
        } else {
            connection.send(identity(0));
            connection.send_all(matching.clone());
            connection.until_closed();
        }
    });
    let parse = |text: &&str| CollectionPattern::parse(text).unwrap();
    let settings = JetstreamSettings {
        endpoints: vec![Endpoint::parse(&server.url()).unwrap()],
        collections: collections.iter().map(parse).collect(),
        dids: dids.to_vec(),
        unmatched_after: Duration::from_millis(300),
        ..JetstreamSettings::default()
    };
    let source = Jetstream::new(settings);
    let pipeline = Pipeline::new(source, Ingest::new());
    let said = StateLog::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    said.during(|| {
        let run =
            async { tokio::time::timeout(DEADLINE, pipeline.run(stop.cancelled_owned())).await };
        runtime.block_on(run).expect("the look comes").unwrap();
    });
    assert_eq!(server.requests().len(), 2, "one look");
    said.lines()
}

#[test]
fn a_mistyped_collection_is_told_with_the_nearest_name() {
    let common = ["app.bsky.feed.post", "app.bsky.feed.like"];
    for (typed, meant) in [
        ("app.bsky.feed.pots", "app.bsky.feed.post"),
        ("app.bsky.fed.*", "app.bsky.feed.*"),
        ("com.example.invented", "com.example.invented2"),
    ] {
        let seen = [common[0], common[1], "com.example.invented2"];
        let said = said(&[typed], &[], None, &seen);
        let expected = format!(
            "no event of {typed} came in 300ms, nor among 2000 events of all collections: is {meant} meant?"
        );
        assert_eq!(said, [expected]);
    }
}

#[test]
fn of_several_collections_the_one_without_events_is_told() {
    let collections = ["app.bsky.feed.post", "app.bsky.feed.lik"];
    let said = said(
        &collections,
        &[],
        Some("app.bsky.feed.post"),
        &["app.bsky.feed.post"],
    );
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("no event of app.bsky.feed.lik came"),
        "{said:?}"
    );
    assert!(said[0].contains("is app.bsky.feed.like meant?"), "{said:?}");
}

#[test]
fn nothing_is_said_of_a_collection_that_is_seen_or_common() {
    for (typed, seen) in [
        ("com.example.rare", "com.example.rare"),
        ("com.example.*", "com.example.rare"),
        ("app.bsky.graph.starterpack", "app.bsky.feed.post"),
    ] {
        assert_eq!(said(&[typed], &[], None, &[seen]), [""; 0], "{typed}");
    }
}

#[test]
fn a_name_that_nothing_is_near_is_rare_or_mistyped() {
    let typed = "org.example.very.own.thing";
    let expected = format!(
        "no event of {typed} came in 300ms, nor among 2000 events of all collections: it is rare, or mistyped"
    );
    assert_eq!(
        said(&[typed], &[], None, &["app.bsky.feed.post"]),
        [expected]
    );
    // Of some accounts, nothing may come for hours.
    let accounts = [Did::parse(&did(0)).unwrap()];
    let said = said(&[typed], &accounts, None, &["app.bsky.feed.post"]);
    assert_eq!(said, [""; 0]);
}
