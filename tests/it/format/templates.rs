//! Templates, wherever lines go.

use std::fs;

use super::{events, of_each_kind, post_of};
use crate::support::{
    events::{did, post},
    jetstream::Server,
    program::Rocketman,
    recorded::{files_below, read},
};

fn call(server: &Server, template: &str) -> Rocketman {
    Rocketman::tail(&server.url())
        .env("TZ", "UTC")
        .arg("--format")
        .arg(template)
}

#[test]
fn a_template_is_written_as_it_stands() {
    let (server, lines) = of_each_kind();
    let written = |template: &str, n: &str| {
        let call = call(&server, template).with("-n").with(n);
        call.succeed().stdout
    };
    let all = written(r"%t %K %o %c %k\t%{commit.record.text}\n", "4");
    let expected = "14:13:20 commit create app.bsky.feed.post 3l00000000000\théllo 🚀\n\
        14:13:20 commit delete app.bsky.feed.like 3l00000000001\t\n\
        14:13:20 identity   \t\n14:13:20 account   \t\n";
    assert_eq!(all, expected);
    assert_eq!(
        written(r"%j\0", "2"),
        format!("{}\0{}\0", lines[0], lines[1])
    );
    let uri = format!(
        "<at://{}/app.bsky.feed.post/3l00000000000 1 1790000000000000>",
        did(0)
    );
    assert_eq!(written("<%u %n %m>", "1"), uri);
    assert_eq!(
        written("%{/identity/handle}%{account.status}", "4"),
        "a2.exampledeleted"
    );
    let set = Rocketman::tail(&server.url()).env("ROCKETMAN_FORMAT", r"%d\n");
    assert_eq!(set.with("-n 1").succeed().stdout, format!("{}\n", did(0)));
}

#[test]
fn events_without_text_count_like_all_others() {
    let (server, _) = of_each_kind();
    let folder = tempfile::tempdir().unwrap();
    for output in ["-", "handles"] {
        let call = call(&server, "%{identity.handle}").inside(folder.path());
        let call = call
            .with("-n 4 --cursor-file cursor --cursor 1 -o")
            .with(output);
        let output = call.succeed();
        output.assert_says(0, &["4 events delivered"]);
    }
    let handles = fs::read_to_string(folder.path().join("handles")).unwrap();
    assert_eq!(handles, "a2.example");
}

#[test]
fn files_of_every_sort_hold_what_the_template_says() {
    let server = Server::every(events((0..40).map(post).collect()));
    // The number of each post is one more than its own.
    let expected: Vec<_> = (0..40).map(|n| format!("{} {}", did(n), n + 1)).collect();
    for flags in [
        "-o out/x",
        "-o out/x.txt.zst",
        "-o out/x.gz",
        "-o out/{n}.txt --rotate-count 10",
        "-o out/%H/{collection}.txt.zst",
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        call(&server, r"%d %{cursor}\n")
            .with("-n 40")
            .with(flags)
            .inside(folder.path())
            .succeed();
        let files = files_below(&folder.path().join("out"));
        let n_files = if flags.contains("rotate") { 4 } else { 1 };
        assert_eq!(files.len(), n_files, "{files:#?}");
        let all: String = files.iter().map(|file| read(file)).collect();
        assert!(all.lines().eq(&expected), "{flags}: {all}");
        assert!(all.ends_with('\n'), "{flags}: {all}");
    }
}

#[test]
fn a_run_that_goes_on_adds_nothing_in_between() {
    let server = Server::every(events((0..40).map(post).collect()));
    for output in ["x", "%y.txt"] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        for _ in 0..2 {
            call(&server, "%n ")
                .with("-n 3 --cursor-file cursor --begin oldest -o")
                .with(&format!("out/{output}"))
                .inside(folder.path())
                .succeed();
        }
        let files = files_below(&folder.path().join("out"));
        assert_eq!(files.len(), 1, "{files:#?}");
        assert_eq!(read(&files[0]), "1 2 3 4 5 6 ", "{output}");
    }
}

#[test]
fn a_program_gets_what_the_template_says() {
    let server = Server::every(events(vec![post_of(0, "one\ntwo"), post(1)]));
    for jobs in ["1", "2"] {
        let output = call(&server, r"%{commit.record.text}!\n")
            .with("-n 2 --jobs")
            .with(jobs)
            .with("-x cat")
            .succeed();
        // The events are of two accounts, and two programs may print in either order.
        let (first, second) = ("one\ntwo!\n", "héllo 🚀!\n");
        let in_order = format!("{first}{second}");
        let is_whole = output.stdout == in_order
            || (jobs == "2" && output.stdout == format!("{second}{first}"));
        assert!(is_whole, "{output:#?}");
    }
}

#[test]
fn what_cannot_be_read_back_is_said_once() {
    let server = Server::every(events((0..40).map(post).collect()));
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        call(&server, r"%n\n")
            .with("-n 3 --cursor-file cursor --begin oldest -o out")
            .inside(folder.path())
            .succeed()
    };
    assert!(!run().stderr.contains("read back"));
    let again = run();
    let said = again
        .stderr
        .matches("cannot be read back, as it holds no JSON lines");
    assert_eq!(said.count(), 1, "{again:#?}");
    let numbers = fs::read_to_string(folder.path().join("out")).unwrap();
    assert_eq!(numbers, "1\n2\n3\n4\n5\n6\n");
}

#[test]
fn what_means_nothing_is_refused_with_what_does() {
    for (flags, words) in [
        (
            vec!["--format", "%q"],
            ["--format", "'%q' means nothing: there are c d"],
        ),
        (vec!["--format", "%{did"], ["--format", "'%{' has no '}'"]),
        (
            vec!["--format", r"%d\q"],
            ["--format", r"'\q' means nothing: there are \n"],
        ),
        (
            vec!["--format", "jsn"],
            [
                "--format",
                "'jsn' is not a format: write json, pretty or human",
            ],
        ),
        (
            vec!["--format", "human", "--raw"],
            ["--format does not go with --raw", "leave one"],
        ),
        (
            vec!["--format", r"%d\n", "-0"],
            ["--format does not go with --print0", r"with \0"],
        ),
        (
            vec!["--format", "human", "--exec-mode", "stream", "-x", "cat"],
            [
                "--format does not go with --exec-mode stream",
                "line by line",
            ],
        ),
        (
            vec!["--format", "pretty", "-o", "nats://127.0.0.1:1/S"],
            [
                "--format does not go with a stream of NATS",
                "leave --format off",
            ],
        ),
    ] {
        let call = flags.iter().fold(Rocketman::tail("demo:"), Rocketman::arg);
        call.run().assert_says(2, &words);
    }
    // What is the line already goes with all of them.
    let (server, lines) = of_each_kind();
    for flags in ["--raw", "--exec-mode stream -x cat"] {
        let call = Rocketman::tail(&server.url()).with("-n 4 --format json");
        assert_eq!(call.with(flags).succeed().lines(), lines, "{flags}");
    }
}
