//! Flags that would have no effect where they are typed.

use std::fs;

use crate::support::program::Rocketman;

/// No server is there: what is refused does not come to it.
const NOBODY: &str = "ws://127.0.0.1:1/subscribe";

#[cfg(feature = "nats")]
const OF_NATS: [&str; 13] = [
    "--context c",
    "--no-context",
    "--creds c",
    "--nkey c",
    "--tlscert c",
    "--tlskey c",
    "--tlsca c",
    "--tlsfirst",
    "--js-domain d",
    "--js-api-prefix p",
    "--inbox-prefix p",
    "--connection-name n",
    "--nats-timeout 3s",
];

#[cfg(feature = "nats")]
#[test]
fn a_flag_of_nats_is_refused_where_nothing_is_of_nats() {
    for arguments in OF_NATS {
        let flag = arguments.split(' ').next().unwrap();
        let output = Rocketman::tail(NOBODY).with("-o out --cursor-file cursor");
        let folder = tempfile::tempdir().unwrap();
        let output = output.with(arguments).inside(folder.path()).run();
        let words = [flag, "is for servers of NATS", "neither SOURCE, --output"];
        output.assert_says(2, &words);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "{arguments}");
    }
}

#[cfg(feature = "nats")]
#[test]
fn a_flag_of_nats_is_refused_with_a_cursor_file() {
    for command in ["show c", "set c 2h", "rewind c 1h"] {
        for arguments in OF_NATS {
            let line = format!("cursor {command} {arguments}");
            let call = Rocketman::new(line.split(' '));
            fs::write(call.path("c"), "no cursor").unwrap();
            let output = call.run();
            let flag = arguments.split(' ').next().unwrap();
            let words = [flag, "is for a cursor in a bucket of NATS", "'c' is a file"];
            output.assert_says(2, &words);
        }
    }
}

/// They may be there for the nats command.
#[cfg(feature = "nats")]
#[test]
fn variables_of_nats_may_be_there_for_others() {
    let variables = [
        ("NATS_CREDS", "/nowhere"),
        ("NATS_CONTEXT", "none"),
        ("NATS_TIMEOUT", "3s"),
        ("ROCKETMAN_JS_DOMAIN", "d"),
    ];
    let set = |call: Rocketman| {
        let variables = variables.iter();
        variables.fold(call, |call, (name, value)| call.env(name, value))
    };
    let call = Rocketman::tail("demo:?rate=max").with("-n 1 --cursor-file c");
    let folder = tempfile::tempdir().unwrap();
    set(call).inside(folder.path()).succeed();
    let show = Rocketman::new(["cursor", "show", "c"]);
    set(show).inside(folder.path()).succeed();
}

#[cfg(feature = "nats")]
#[test]
fn gaps_that_a_durable_consumer_cannot_see_end_nothing() {
    let call = Rocketman::tail("nats://127.0.0.1:1/S").with("--durable d --on-gap fail");
    call.run()
        .assert_says(2, &["--on-gap fail", "--durable", "is not missed"]);
}

#[test]
fn a_flag_of_segment_files_is_refused_without_any() {
    for source in [
        NOBODY,
        "demo:",
        #[cfg(feature = "nats")]
        "nats://127.0.0.1:1/S",
    ] {
        for arguments in ["--after-seq 5", "--before-seq 5", "--max-block-size 1M"] {
            let flag = arguments.split(' ').next().unwrap();
            let output = Rocketman::tail(source).with(arguments).run();
            output.assert_says(2, &[flag, "is for segment files, and the source is none"]);
        }
    }
}

#[test]
fn hosts_are_allowed_only_where_not_all_are() {
    for (call, address) in [
        (
            Rocketman::new("serve --listen 0.0.0.0:0 --allow-host a.example".split(' ')),
            "0.0.0.0:0",
        ),
        (
            Rocketman::tail(NOBODY).with("--metrics-addr [::]:0 --allow-host a.example"),
            "[::]:0",
        ),
    ] {
        let words = ["--allow-host is for loopback addresses", address];
        call.run().assert_says(2, &words);
    }
}
