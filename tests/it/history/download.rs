//! `replay https://HOST --download DIR`: a copy of the archive, and what may be read of it.

use std::{fs, path::Path};

use super::archive::Archive;
use crate::support::{cable::Cable, program::Rocketman, serve::Serving, wait_until};

/// What a folder has, by name.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn replay(archive: &Archive, flags: &str) -> Rocketman {
    Rocketman::new(["replay"])
        .with(flags)
        .inside(archive.path())
}

#[test]
fn a_copy_is_the_archive_byte_for_byte_and_replays() {
    let archive = Archive::of(20_000);
    let copied = archive.replay("--download copy").succeed();
    assert_eq!(copied.stdout, "");
    assert!(
        copied
            .stderr
            .contains("'copy' has 1 files, of which 1 were fetched"),
        "{copied:?}"
    );
    assert_eq!(
        names(&archive.path().join("copy")),
        ["manifest.json", "seg_0000000000.jss"]
    );
    let bytes =
        |folder: &str| fs::read(archive.path().join(folder).join("seg_0000000000.jss")).unwrap();
    assert!(bytes("copy") == bytes("segments"));
    let all = replay(&archive, "copy").succeed();
    assert!(all.lines() == archive.lines);
    assert!(
        all.stderr.contains("'copy' is what its manifest says"),
        "{all:?}"
    );
    let again = archive.replay("--download copy").succeed();
    assert!(
        again.stderr.contains("of which 0 were fetched"),
        "{again:?}"
    );
    let server = Serving::start(Rocketman::new(["serve", "copy"]).inside(archive.path()));
    let served = server.tail("--cursor 1 -n 20000").succeed();
    assert!(served.lines() == archive.lines);
}

#[test]
fn a_copy_that_was_broken_off_goes_on_where_it_was() {
    let archive = Archive::of(40_000);
    let size = fs::metadata(archive.path().join("segments/seg_0000000000.jss"))
        .unwrap()
        .len();
    let cable = Cable::to(archive.port());
    let flags = "--download copy";
    for _ in 0..3 {
        let slow = format!("{flags} --max-rate 600K");
        let run = archive.replay_through(cable.port, &slow).start_elsewhere();
        let least = cable.passed() + 200_000;
        wait_until("some bytes", || cable.passed() >= least);
        run.kill();
    }
    archive.replay_through(cable.port, flags).succeed();
    let verified = Rocketman::new(["inspect", "--verify", "copy"]).inside(archive.path());
    assert!(verified.succeed().stdout.contains("40,000 events"));
    let most = size + 3 * 4 * 1024 * 1024 + 100_000;
    assert!(cable.passed() < most, "{} of {most}", cable.passed());
}

#[test]
fn a_copy_is_held_against_its_manifest_and_its_filter() {
    let archive = Archive::of(10_000);
    archive
        .replay("-c app.bsky.feed.* --download copy")
        .succeed();
    let posts = replay(&archive, "copy -c app.bsky.feed.post").succeed();
    let expected = archive
        .lines
        .iter()
        .filter(|line| line.contains("\"collection\":\"app.bsky.feed.post\""));
    assert!(posts.lines().into_iter().eq(expected));
    for flags in [
        "copy",
        "copy -c app.bsky.graph.follow",
        "copy -c app.bsky.feed.post -k all",
    ] {
        replay(&archive, flags).run().assert_says(
            2,
            &[
                "'copy' is a copy by a narrower filter",
                "into another folder",
            ],
        );
    }
    archive
        .replay("--download copy")
        .run()
        .assert_says(2, &["is a copy of another archive, or by another filter"]);
    archive
        .replay("--download segments")
        .run()
        .assert_says(2, &["has no manifest"]);
    let file = archive.path().join("copy/seg_0000000000.jss");
    let manifest = archive.path().join("copy/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        text.replace("\"checksum\": \"", "\"checksum\": \"0"),
    )
    .unwrap();
    let flags = "copy -c app.bsky.feed.post";
    replay(&archive, flags)
        .run()
        .assert_says(1, &["has the checksum", "the manifest says 0"]);
    fs::write(&manifest, text).unwrap();
    fs::rename(&file, archive.path().join("copy/seg_0000000009.jss")).unwrap();
    replay(&archive, flags)
        .run()
        .assert_says(1, &["is not in the manifest"]);
    fs::remove_file(archive.path().join("copy/seg_0000000009.jss")).unwrap();
    replay(&archive, flags)
        .run()
        .assert_says(1, &["is missing, which the manifest names"]);
}

#[test]
fn a_copy_stays_one_without_what_was_deleted() {
    let archive = Archive::of(6_000);
    archive.replay("--download copy").succeed();
    let comply = |flags: &str| {
        let call = Rocketman::new(["comply", "copy"]).with(flags);
        call.inside(archive.path()).succeed().stdout
    };
    let left = || {
        let all = replay(&archive, "copy").succeed();
        assert!(
            all.stderr.contains("'copy' is what its manifest says"),
            "{all:?}"
        );
        all.lines().len()
    };
    assert!(comply("").contains(" removed\n"));
    let n = left();
    assert!(n < archive.lines.len());
    // Another generation of what is another one already.
    let of_posts = archive
        .lines
        .iter()
        .find(|line| line.contains("\"create\""))
        .unwrap();
    let event: serde_json::Value = serde_json::from_str(of_posts).unwrap();
    let did = event["did"].as_str().unwrap();
    let gone = format!(
        r#"{{"did":"{did}","time_us":{},"kind":"account","account":{{"active":false,"did":"{did}","seq":9,"status":"deleted","time":"2027-01-01T00:00:00Z"}}}}"#,
        u64::from(u32::MAX) * 1_000_000
    );
    fs::write(archive.path().join("gone.ndjson"), gone).unwrap();
    assert!(comply("--deletions gone.ndjson").contains(" removed\n"));
    assert!(left() < n);
    let again = archive.replay("--download copy").succeed();
    assert!(
        again.stderr.contains("of which 0 were fetched"),
        "{again:?}"
    );
}
