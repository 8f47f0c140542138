//! Flags that are typed twice.

use crate::support::program::Rocketman;

/// No server is there: what is refused does not come to it.
const NOBODY: &str = "ws://127.0.0.1:1/subscribe";

#[test]
fn a_flag_that_names_where_something_goes_stands_once() {
    for (flag, arguments) in [
        ("--output", "-o a -o b"),
        ("--output", "--output a -o b"),
        ("--exec", "-x cat ; -x cat"),
        ("--cursor-file", "--cursor-file a --cursor-file b"),
        ("--bad-events", "--bad-events a --bad-events b"),
        (
            "--on-exec-error",
            "--on-exec-error skip --on-exec-error dead-letter=d -x cat",
        ),
        (
            "--on-undeliverable",
            "--on-undeliverable skip --on-undeliverable dead-letter=d --durable d",
        ),
        ("--shard", "--shard 1/4 --shard 2/4"),
        #[cfg(feature = "nats")]
        ("--cursor-kv", "--cursor-kv nats:b/k --cursor-kv nats:b/l"),
    ] {
        let call = Rocketman::tail(NOBODY).with(arguments);
        let folder = tempfile::tempdir().unwrap();
        let output = call.inside(folder.path()).run();
        let words = [
            flag,
            "cannot be used multiple times",
            "one process for each",
        ];
        output.assert_says(2, &words);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "{arguments}");
    }
    let call = Rocketman::new(["man", "--dir", "a", "--dir", "b"]);
    call.run().assert_says(2, &["--dir", "multiple times"]);
    let call = Rocketman::new(["serve", "-", "--store", "a", "--store", "b"]);
    call.run().assert_says(2, &["--store", "multiple times"]);
}

#[test]
fn of_any_other_flag_the_last_one_counts() {
    let arguments =
        "--raw --raw -n 9 -n 2 --since 3h --since 2h --progress always --progress never";
    let output = Rocketman::tail("demo:").with(arguments).succeed();
    assert_eq!(output.lines().len(), 2, "{output:#?}");
}
