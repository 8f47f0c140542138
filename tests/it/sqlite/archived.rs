//! The archive of a service as a table, and what it spares.

use super::{number, records};
use crate::support::{program::Rocketman, serve::Serving};

#[test]
fn an_archive_becomes_a_table_for_the_price_of_its_commits() {
    let folder = tempfile::tempdir().unwrap();
    let call = |arguments: &str| {
        let words = arguments.split(' ');
        Rocketman::new(words).inside(folder.path()).succeed()
    };
    call("tail demo: --since 1h -n 3000 -q -o demo.ndjson");
    call("pack --renumber demo.ndjson segments");
    call("fold demo.ndjson -c app.bsky.feed.post -k commit -o sqlite:wanted.db");
    let serve = Serving::start(Rocketman::new(["serve", "segments"]).inside(folder.path()));
    let service = format!("http://{}", serve.address());
    let run = |flags: &str| {
        let call = Rocketman::new(["replay", &service]).inside(folder.path());
        call.with("-c app.bsky.feed.post --before-seq 3000")
            .with(flags)
            .succeed()
    };
    let output = run("-o sqlite:x.db");
    output.assert_says(
        0,
        &["of the archive commits alone, --kind all has what became of accounts"],
    );
    let (found, wanted) = (folder.path().join("x.db"), folder.path().join("wanted.db"));
    assert_eq!(number(&found, "SELECT count(*) FROM accounts"), 0);
    assert!(records(&wanted, "records").len() > 50);
    assert_eq!(records(&found, "records"), records(&wanted, "records"));
    let output = run("-o sqlite:all.db --kind all");
    assert!(
        !output.stderr.contains("of the archive commits alone"),
        "{}",
        output.stderr
    );
    let all = folder.path().join("all.db");
    assert!(number(&all, "SELECT count(*) FROM handles") > 0);
}
