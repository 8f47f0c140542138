//! What can be typed wrong, and what is said then.

use std::fs;

use crate::support::program::Rocketman;

#[test]
fn what_has_no_archive_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    for (arguments, words) in [
        ("demo:", "'demo:' has no archive"),
        ("nats://h/S", "'nats://h/S' has no archive"),
        ("https://h.example a", "'a' cannot be read with it"),
        (
            "https://h.example https://h.example",
            "cannot be read with it",
        ),
        (
            "wss://h.example/subscribe",
            "is one wire, and the archive belongs to the service",
        ),
        ("a --follow", "--follow is for the archive of a service"),
        (
            "a --max-bytes 1M",
            "--max-bytes is for the archive of a service",
        ),
        ("https://h.example --follow -e", "cannot be used with"),
        (
            "https://h.example --download d --until 2h",
            "cannot be used with",
        ),
        (
            "https://h.example --key-file none",
            "--key-file: cannot read 'none'",
        ),
        (
            "https://h.example --before-seq 5 --after-seq 5",
            "leaves nothing after",
        ),
    ] {
        let run = Rocketman::new(["replay"])
            .with(arguments)
            .inside(folder.path())
            .run();
        run.assert_says(2, &[words]);
    }
}

#[test]
fn gaps_are_replayed_of_one_service_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("seg_0000000000.jss"), "").unwrap();
    for source in [
        "",
        "wss://h.example/subscribe",
        "https://a.example https://b.example",
        "demo:",
        "nats://h/S",
        "seg_0000000000.jss",
    ] {
        let run = Rocketman::new(["tail", "--on-gap", "replay"])
            .with(source)
            .inside(folder.path());
        run.run().assert_says(
            2,
            &[
                "--on-gap replay reads the archive of a service",
                "rocketman tail https://HOST",
            ],
        );
    }
}

#[test]
fn a_key_that_is_none_is_refused_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), "s3cret words\n").unwrap();
    let replay = || Rocketman::new(["replay", "https://h.example"]).inside(folder.path());
    for run in [
        replay().with("--key-file key").run(),
        replay()
            .env("ROCKETMAN_JETSTREAM_KEY", "s3cret words")
            .run(),
    ] {
        run.assert_says(2, &["holds no key", "a blank"]);
        assert!(!run.stderr.contains("s3cret"), "{run:?}");
    }
}
