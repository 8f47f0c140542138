//! What cannot be meant, and is refused before anything is sent.

use crate::support::{events::posts, jetstream::Server, program::Rocketman};

/// No server is there: what is refused does not come to it.
const NOBODY: &str = "ws://127.0.0.1:1/subscribe";

fn refused(output: &str, flags: &str, words: &[&str]) {
    let call = Rocketman::tail(NOBODY).with("-o").arg(output).with(flags);
    let folder = tempfile::tempdir().unwrap();
    let output = call.inside(folder.path()).run();
    output.assert_says(2, words);
    assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn an_address_with_a_secret_or_without_a_host_is_refused() {
    let secret = ["--output", "user name or password", "--http-header-file"];
    refused("https://me:s3cret@h.example/x", "", &secret);
    refused("https://s3cret@h.example/x", "", &secret);
    for (address, words) in [
        (
            "https://h.example/x#s3cret",
            &[
                "--output",
                "fragment",
                "hint: write a '#' that is part of the path as %23",
            ],
        ),
        (
            "http://",
            &[
                "--output",
                "no address of HTTP",
                "hint: name a host, as in https://h.example/",
            ],
        ),
        (
            "clickhouse://h.example/default",
            &[
                "--output",
                "no address of a table",
                "hint: name a database and a table",
            ],
        ),
        (
            "https://h.example:99999/x",
            &[
                "--output",
                "no address of HTTP",
                "hint: a host is a name or",
            ],
        ),
    ] {
        refused(address, "", words);
    }
    refused(
        "ftp://h.example/",
        "",
        &["--output: 'ftp://h.example/' is an address"],
    );
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let hook = "https://h.example/x";
    for (flags, words) in [
        (
            "--print0",
            &["--print0 does not go with an endpoint of HTTP"][..],
        ),
        ("--raw", &["--raw does not go"]),
        ("--rotate-size 1M", &["--rotate-size is for output files"]),
        ("--table state", &["--table is for"]),
        ("--body array --format pretty", &["--body array is JSON"]),
        (
            "--body %d",
            &["--body: it has no place for the events", "%{,}"],
        ),
        (
            "--body array,lines",
            &["--body cannot be 'array,lines'", "[%{,}]"],
        ),
        ("--batch 1,2", &["--batch cannot be '1,2'", "500,1M,200ms"]),
        ("--http-method GET", &["--http-method cannot be 'GET'"]),
        ("--on-http-error retry", &["dead-letter=FILE"]),
        (
            "--on-http-error dead-letter=x.gz",
            &["--on-http-error", "plain lines"],
        ),
        (
            "--http-header-file none",
            &["cannot read the headers in 'none'"],
        ),
        (
            "--http-sign-file none",
            &["cannot read the secrets in 'none'"],
        ),
        (
            "--http-header s3cret",
            &["--http-header: a header is written 'NAME: VALUE'"],
        ),
        (
            "--http-header X-Api-Key:s3cret",
            &[
                "'x-api-key' looks like the name of a secret",
                "--http-header-file",
            ],
        ),
        ("--http-header Host:s3cret", &["is set by rocketman"]),
    ] {
        refused(hook, flags, words);
    }
}

#[test]
fn a_flag_of_endpoints_is_refused_without_one() {
    for flags in [
        "--batch 1",
        "--body array",
        "--http-compress gzip",
        "--http-method PUT",
        "--http-header A:b",
        "--http-header-file f",
        "--http-sign-file f",
        "--http-timeout 1s",
        "--http-retries 1",
        "--on-http-error skip",
        "--on-http-refusal stop",
        "--max-unanswered 1M",
        "--create-table",
    ] {
        let flag = flags.split(' ').next().unwrap();
        refused("-", flags, &[flag, "is for an endpoint of HTTP"]);
    }
    refused(
        "-",
        "--jobs 2",
        &["--jobs is for programs and for endpoints of HTTP"],
    );
}

#[test]
fn a_secret_is_sent_in_private_or_not_at_all() {
    let call = Rocketman::tail(NOBODY)
        .with("-o http://h.example/x")
        .env("ROCKETMAN_HTTP_HEADERS", "Authorization: Bearer s3cret");
    let output = call.run();
    output.assert_says(
        2,
        &[
            "'authorization' may hold a secret",
            "anybody can listen in",
            "https://",
        ],
    );
    assert!(!output.stderr.contains("s3cret"));
    let call = Rocketman::tail(NOBODY)
        .with("-o https://h.example/x")
        .env("ROCKETMAN_HTTP_HEADERS", "s3cret");
    let output = call.run();
    output.assert_says(2, &["ROCKETMAN_HTTP_HEADERS", "NAME: VALUE"]);
    assert!(!output.stderr.contains("s3cret"));
}

#[test]
fn a_proxy_is_used_and_one_that_cannot_be_is_refused() {
    let call = Rocketman::tail(NOBODY)
        .with("-o https://h.example/x")
        .env("HTTPS_PROXY", "socks5://p:1");
    call.run()
        .assert_says(2, &["proxy cannot be used", "HTTPS_PROXY"]);
    let server = Server::one(posts(1));
    let running = Rocketman::tail(&server.url())
        .with("-o https://h.example/x?token=s3cret")
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .start();
    let said = running.message("accepts nothing");
    assert!(
        said.contains("'https://h.example/x?…'") && said.contains("127.0.0.1:1"),
        "{said}"
    );
}

#[test]
fn a_certificate_that_is_not_trusted_is_told() {
    let server = Server::one(posts(1));
    let receiver = crate::support::receiver::Receiver::accepting();
    let url = receiver.url().replace("http://", "https://");
    let running = Rocketman::tail(&server.url()).with("-o").arg(url).start();
    let said = running.message("accepts nothing");
    assert!(said.contains("TLS with '127.0.0.1' failed"), "{said}");
}
