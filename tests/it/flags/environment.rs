//! What can be set in the environment, and what wins.

use crate::support::{
    events::{did, identity, post, unlike},
    jetstream::Server,
    program::Rocketman,
};

/// Sends a bit of everything, and waits until the client is gone.
fn server() -> Server {
    Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all([unlike(0), identity(1), post(2), post(3).replace("🚀", "\n")]);
        connection.until_closed();
    })
}

#[test]
fn variables_of_every_sort_are_used() {
    let server = server();
    let output = Rocketman::new(["tail"])
        .env("ROCKETMAN_SOURCE", server.url())
        .env(
            "ROCKETMAN_COLLECTION",
            " app.bsky.feed.post  app.bsky.feed.like ",
        )
        .env("ROCKETMAN_DID", format!("{} {}", did(2), did(3)))
        .env("ROCKETMAN_KIND", "commit identity")
        .env("ROCKETMAN_OP", "create update")
        .env("ROCKETMAN_COUNT", "2")
        .env("ROCKETMAN_RAW", "1")
        .env("ROCKETMAN_NO_COMPRESS", "true")
        .env("ROCKETMAN_QUIET", "yes")
        .succeed();
    let torn = post(3).replace("🚀", "\n");
    assert_eq!(output.stdout, format!("{}\n{torn}\n", post(2)));
    assert_eq!(output.stderr, "");
    let asked = &server.requests()[0];
    for parameter in [
        "wantedCollections=app.bsky.feed.like",
        "wantedCollections=app.bsky.feed.post",
    ] {
        assert!(asked.contains(parameter), "{asked}");
    }
    assert_eq!(asked.matches("wantedDids=").count(), 2, "{asked}");
    assert!(!asked.contains("compress"), "{asked}");
}

#[test]
fn a_boolean_variable_can_say_no() {
    let server = server();
    let call = Rocketman::tail(&server.url()).with("-n 4");
    let call = call.env("ROCKETMAN_RAW", "0");
    let output = call.env("ROCKETMAN_QUIET", "false").succeed();
    assert_eq!(output.lines()[3], post(3).replace("🚀", " "));
    output.assert_says(0, &["rocketman: reading"]);
}

#[test]
fn the_command_line_wins_over_variables() {
    let server = server();
    let output = Rocketman::tail(&server.url())
        .with("-c app.bsky.feed.post --kind all --op create -n 2")
        .env("ROCKETMAN_SOURCE", "wss://elsewhere.invalid")
        .env("ROCKETMAN_COLLECTION", "app.bsky.graph.follow")
        .env("ROCKETMAN_KIND", "account")
        .env("ROCKETMAN_OP", "delete")
        .env("ROCKETMAN_COUNT", "1")
        .succeed();
    assert_eq!(output.lines(), [identity(1), post(2)]);
    assert!(!server.requests()[0].contains("graph"));
}

#[test]
fn a_bad_variable_is_refused_as_a_bad_flag_is() {
    let cases = [
        (
            "ROCKETMAN_KIND",
            "post",
            ["ROCKETMAN_KIND", "'post'", "identity"],
        ),
        (
            "ROCKETMAN_KIND",
            "all post",
            ["ROCKETMAN_KIND", "'post'", "identity"],
        ),
        (
            "ROCKETMAN_OP",
            "create remove",
            ["ROCKETMAN_OP", "'remove'", "delete"],
        ),
        (
            "ROCKETMAN_COLLECTION",
            "x",
            ["ROCKETMAN_COLLECTION: ", "'x'", "app.bsky.feed.post"],
        ),
        (
            "ROCKETMAN_DID",
            "alice",
            ["ROCKETMAN_DID: ", "'alice'", "did:plc:"],
        ),
        (
            "ROCKETMAN_SOURCE",
            "ftp://host",
            ["source", "'ftp://host'", "wss://HOST"],
        ),
        (
            "ROCKETMAN_COUNT",
            "0",
            ["ROCKETMAN_COUNT", "'0'", "from 1 on"],
        ),
        (
            "ROCKETMAN_RAW",
            "perhaps",
            ["ROCKETMAN_RAW", "'perhaps'", "true or false"],
        ),
        (
            "ROCKETMAN_DURATION",
            "long",
            ["ROCKETMAN_DURATION", "'long'", "30s"],
        ),
    ];
    for (name, value, words) in cases {
        // Were it not refused, it would end at once and stay on this machine.
        let call = Rocketman::new(["tail", "--max-retries", "0"]);
        let call = call.env("ROCKETMAN_SOURCE", "ws://127.0.0.1:1");
        let output = call.env(name, value).run();
        output.assert_says(2, &words);
    }
}

#[test]
fn what_is_typed_wins_over_a_variable_that_says_the_opposite() {
    let server = Server::every(|request| {
        let first = if request.cursor() == Some(5) { 4 } else { 0 };
        let mut connection = request.accept();
        connection.send_all((first..first + 3).map(post));
        connection.until_closed();
    });
    let call = |variable: &str, value: &str, arguments: &str| {
        let call = Rocketman::tail(&server.url())
            .with("-n 1")
            .with(arguments)
            .env(variable, value);
        call.succeed()
    };
    assert!(!call("ROCKETMAN_QUIET", "true", "-v").stderr.is_empty());
    assert_eq!(call("ROCKETMAN_OUTPUT", "out", "-x cat").lines(), [post(0)]);
    call("ROCKETMAN_CURSOR", "5", "--since 2026-01-01T00:00:00Z");
    // Not the last one, which asks how far back the server goes.
    assert!(
        server
            .requests()
            .iter()
            .any(|request| request.ends_with("cursor=1767225600000000"))
    );
    call("ROCKETMAN_SINCE", "1h", "--cursor 5");
    assert!(server.requests().last().unwrap().ends_with("cursor=5"));
    let pages = Rocketman::new(["man", "tail"])
        .env("ROCKETMAN_DIR", "/nowhere")
        .succeed();
    assert!(
        pages.stdout.starts_with(".TH ROCKETMAN-TAIL 1"),
        "{}",
        pages.stdout
    );
}

#[test]
fn variables_reach_subcommands_and_give_way_to_flags() {
    let call = |arguments: &str| Rocketman::new(arguments.split(' '));
    let folder = tempfile::tempdir().unwrap();
    let set = || call("cursor set c 2h").inside(folder.path());
    assert_eq!(set().env("ROCKETMAN_QUIET", "1").succeed().stderr, "");
    for typed in [
        "cursor set c 2h -v",
        "cursor -v set c 2h",
        "-v cursor set c 2h",
    ] {
        let call = call(typed).inside(folder.path());
        let output = call.env("ROCKETMAN_QUIET", "1").succeed();
        output.assert_says(0, &["rocketman: set 'c' to "]);
    }
    let show = || call("cursor show c").inside(folder.path());
    let is_json = |call: Rocketman| call.succeed().stdout.starts_with('{');
    assert!(is_json(show().env("ROCKETMAN_JSON", "1")));
    assert!(!is_json(show().env("ROCKETMAN_JSON", "")));
    assert!(!is_json(show().env("ROCKETMAN_JSON", "0")));
    let listing = std::fs::read_to_string(folder.path().join("c")).unwrap();
    let counted = listing.replace(
        "\n}",
        ",\"files\":[{\"path\":\"/x\",\"inode\":1,\"bytes\":1}]}",
    );
    std::fs::write(folder.path().join("c"), counted).unwrap();
    assert_eq!(set().run().code, Some(2));
    set().env("ROCKETMAN_FORGET_FILES", "true").succeed();
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(post(0));
        connection.until_closed();
    });
    let names = [
        "RAW",
        "CURSOR_FILE",
        "COUNT",
        "COLLECTION",
        "VERBOSE",
        "LOG_FORMAT",
    ];
    let call = Rocketman::tail(&server.url()).with("-n 1");
    let call = names.iter().fold(call, |call, name| {
        call.env(&format!("ROCKETMAN_{name}"), "")
    });
    assert_eq!(call.succeed().lines(), [post(0)]);
}

#[test]
fn a_list_that_is_not_text_is_refused_and_names_its_variable() {
    use std::os::unix::ffi::OsStrExt;
    let value = std::ffi::OsStr::from_bytes(b"\xff");
    let output = Rocketman::tail("127.0.0.1:1")
        .env("ROCKETMAN_COLLECTION", value)
        .run();
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("ROCKETMAN_COLLECTION: "),
        "{}",
        output.stderr
    );
}
