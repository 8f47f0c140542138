//! Deletions that the archive itself does not have.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{comply, unpost};
use crate::support::{
    events::{EPOCH, STEP, account, at, did, identity, post},
    jetstream::{Request, Server},
    program::Rocketman,
    serve::Serving,
};

/// Twenty posts in `a.ndjson`.
fn posts_in(folder: &Path) {
    let lines: Vec<_> = (0..20).map(post).collect();
    fs::write(folder.join("a.ndjson"), lines.join("\n") + "\n").unwrap();
}

/// Which posts are left.
fn left(folder: &Path) -> Vec<u64> {
    let text = fs::read_to_string(folder.join("a.ndjson")).unwrap();
    let number = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["cursor"].as_u64().unwrap() - 1
    };
    text.lines().map(number).collect()
}

fn all_but(gone: &[u64]) -> Vec<u64> {
    (0..20).filter(|n| !gone.contains(n)).collect()
}

/// An account, its status, and when.
fn status(n: u64, at: u64, status: Option<&str>) -> String {
    let did = did(n);
    let account = json!({"active": status.is_none(), "did": did, "seq": at, "status": status, "time": "2026-07-04T14:38:07.877Z"});
    let event = json!({"did": did, "time_us": EPOCH + at * STEP, "cursor": at, "kind": "account", "account": account});
    event.to_string()
}

/// The reset of the repository of post `n`.
fn reset(n: u64, at: u64) -> String {
    let (did, rev) = (did(n), format!("3k{at:011}"));
    let sync = json!({"did": did, "rev": rev, "seq": at});
    json!({"did": did, "time_us": EPOCH + at * STEP, "cursor": at, "kind": "sync", "sync": sync})
        .to_string()
}

#[test]
fn folders_and_tables_of_the_state_tell_what_was_deleted() {
    for is_table in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        posts_in(folder.path());
        fs::create_dir(folder.path().join("later")).unwrap();
        // Posts 5 and 6, all of account 7, and a reset of 8, whose records came again there.
        let lines = [unpost(5, 105), unpost(6, 106), account(107), reset(8, 108)];
        fs::write(folder.path().join("later/b.ndjson"), lines.join("\n")).unwrap();
        let source = if is_table {
            let fold = Rocketman::new(["fold"]).with("later -o sqlite:later.db");
            fold.inside(folder.path()).succeed();
            "sqlite:later.db"
        } else {
            "later"
        };
        let call = comply(folder.path(), "a.ndjson").env("ROCKETMAN_DELETIONS", source);
        call.succeed();
        assert_eq!(left(folder.path()), all_but(&[5, 6, 7]), "{source}");
        let kept = fs::read_to_string(folder.path().join("later/b.ndjson")).unwrap();
        assert_eq!(kept, lines.join("\n"));
    }
}

#[test]
fn several_sources_count_together() {
    let folder = tempfile::tempdir().unwrap();
    posts_in(folder.path());
    fs::write(folder.path().join("b.ndjson"), unpost(1, 101)).unwrap();
    fs::write(folder.path().join("c.ndjson"), unpost(2, 102)).unwrap();
    let fold = Rocketman::new(["fold"]).with("c.ndjson -o sqlite:c.db");
    fold.inside(folder.path()).succeed();
    let call = comply(
        folder.path(),
        "a.ndjson --deletions ./b.ndjson --deletions sqlite:c.db",
    );
    call.succeed();
    assert_eq!(left(folder.path()), all_but(&[1, 2]));
}

#[test]
fn a_record_that_was_written_again_stays() {
    let folder = tempfile::tempdir().unwrap();
    let again = post(103).replace("3l00000000103", "3l00000000003");
    fs::write(
        folder.path().join("a.ndjson"),
        format!("{}\n{again}\n", post(3)),
    )
    .unwrap();
    // In between, and then of an account that had gone before it came back.
    for deletion in [
        unpost(3, 103).replace("3k00000000103", "3k00000000053"),
        account(3),
    ] {
        fs::write(folder.path().join("b.ndjson"), deletion).unwrap();
        comply(folder.path(), "a.ndjson --deletions ./b.ndjson").succeed();
        assert_eq!(
            fs::read_to_string(folder.path().join("a.ndjson")).unwrap(),
            format!("{again}\n")
        );
    }
}

#[test]
fn hidden_accounts_are_no_deletion_unless_asked() {
    let folder = tempfile::tempdir().unwrap();
    posts_in(folder.path());
    let lines = [
        status(1, 101, Some("takendown")),
        status(2, 102, Some("suspended")),
        status(3, 103, Some("deactivated")),
        status(4, 104, Some("takendown")),
        status(4, 105, None),
        status(5, 106, Some("throttled")),
        status(6, 107, Some("deleted")),
    ];
    fs::write(folder.path().join("b.ndjson"), lines.join("\n")).unwrap();
    let call = "a.ndjson --deletions ./b.ndjson";
    comply(folder.path(), call).succeed();
    assert_eq!(left(folder.path()), all_but(&[6]));
    // Elsewhere it is known that one of them is back.
    fs::write(folder.path().join("c.ndjson"), status(2, 108, None)).unwrap();
    let fold = Rocketman::new(["fold"]).with("c.ndjson -o sqlite:c.db");
    fold.inside(folder.path()).succeed();
    let call = format!("{call} --deletions sqlite:c.db --on-account-gone remove");
    comply(folder.path(), &call).succeed();
    assert_eq!(left(folder.path()), all_but(&[1, 3, 6]));
}

#[test]
fn a_server_is_asked_from_the_earliest_event_on() {
    let folder = tempfile::tempdir().unwrap();
    posts_in(folder.path());
    let server = Server::every(|request: Request| {
        let parameter = |name: &str| request.parameters(name);
        assert_eq!(parameter("wantedCollections"), ["app.bsky.feed.post"]);
        assert_eq!(parameter("cursor"), [EPOCH.to_string()]);
        let mut connection = request.accept();
        connection.send_all(vec![post(0), unpost(9, 109), account(110)]);
        connection.send_all(vec![identity(at(20))]);
        connection.until_closed();
    });
    let call = comply(
        folder.path(),
        &format!("a.ndjson --deletions {}", server.url()),
    );
    call.succeed();
    assert_eq!(left(folder.path()), all_but(&[9, 10]));
}

#[test]
fn a_strange_collection_has_a_server_asked_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let strange = post(30).replace("app.bsky.feed.post", "not a name");
    fs::write(
        folder.path().join("a.ndjson"),
        format!("{}\n{strange}\n", post(9)),
    )
    .unwrap();
    let server = Server::every(|request: Request| {
        assert!(request.parameters("wantedCollections").is_empty());
        let mut connection = request.accept();
        connection.send_all(vec![unpost(9, 109), identity(at(20))]);
        connection.until_closed();
    });
    let call = format!("a.ndjson --deletions {}", server.url());
    comply(folder.path(), &call).succeed();
    let kept = fs::read_to_string(folder.path().join("a.ndjson")).unwrap();
    assert_eq!(kept, strange + "\n");
}

#[test]
fn our_own_server_tells_what_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    posts_in(folder.path());
    let lines: Vec<_> = (0..20)
        .map(post)
        .chain([unpost(9, 109), account(110), identity(at(20))])
        .collect();
    fs::write(folder.path().join("served.ndjson"), lines.join("\n")).unwrap();
    let serving = Serving::start(
        Rocketman::new(["serve", "served.ndjson", "--speed", "max"]).inside(folder.path()),
    );
    let call =
        comply(folder.path(), "a.ndjson --deletions").arg(format!("http://{}", serving.address()));
    call.succeed();
    assert_eq!(left(folder.path()), all_but(&[9, 10]));
}

#[test]
fn without_its_server_nothing_is_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    posts_in(folder.path());
    fs::write(folder.path().join("b.ndjson"), unpost(9, 109)).unwrap();
    let call = comply(
        folder.path(),
        "a.ndjson --deletions ./b.ndjson --deletions ws://127.0.0.1:1/subscribe",
    );
    let output = call.run();
    output.assert_says(3, &["127.0.0.1:1"]);
    assert_eq!(left(folder.path()), all_but(&[]));
}
