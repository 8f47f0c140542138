//! Who you are: flags, variables and contexts of the `nats` command, against servers that look.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use super::certificates::Certificates;
use crate::support::{http::ask, nats::Nats, program::Rocketman, serve::Serving, wait_until};

/// `rocketman tail` of ten invented events into a stream that it makes.
fn writing(serving: &Serving, output: &str) -> Rocketman {
    Rocketman::tail(&serving.url)
        .with("-n 10 --max-retries 0 --create-stream -o")
        .arg(output)
}

fn demo() -> Serving {
    Serving::new("demo:?rate=max")
}

fn in_home(call: Rocketman, home: &Path) -> Rocketman {
    call.env("HOME", home)
}

/// A home folder with a context.
fn home(name: &str, context: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/nats/context");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.json")), context).unwrap();
    home
}

#[test]
fn a_context_says_where_and_who() {
    let users = r#"authorization { users: [{user: "ann", password: "geheim"}] }, jetstream {}"#;
    let Some(nats) = Nats::configured("a_context_says_where_and_who", users) else {
        return;
    };
    let serving = demo();
    let context = format!(
        r#"{{"url": "{}", "user": "ann", "password": "geheim"}}"#,
        nats.url()
    );
    let home = home("west", &context);
    let call = |address: &str| in_home(writing(&serving, address), home.path());
    call("nats:S").with("--context west").succeed();
    call("nats:S").env("NATS_CONTEXT", "west").succeed();
    call("nats:S?context=west").succeed();
    let file = home.path().join(".config/nats/context/west.json");
    call("nats:S").arg("--context").arg(file).succeed();
    call(&nats.address("S")).with("--context west").succeed();
    fs::write(home.path().join(".config/nats/context.txt"), "west").unwrap();
    call("nats:S").succeed();
    let refused = call(&nats.address("S")).with("--no-context").run();
    refused.assert_says(6, &["a user without credentials", "--context"]);
    let refused = call("nats:S").with("--context east").run();
    refused.assert_says(2, &["no context 'east'", "nats context ls"]);
    assert_eq!(refused.stderr.matches("geheim").count(), 0);
}

#[test]
fn an_nkey_and_credentials_are_read_from_their_files() {
    // Made for this test, of no use anywhere else.
    let (public, seed) = (
        "UC5GPMR6CSXEVLGBGXS62QWTCJS35W3DKIQPQQLTEXSNN7LKI2YGIPMU",
        "SUABFRYM3EUZXK33FYYXJNRGNAYGQTBXI4O7JW7JK2ERZOYDU7IAW7JAO4",
    );
    let users = format!("authorization {{ users: [{{nkey: {public}}}] }}, jetstream {{}}");
    let Some(nats) = Nats::configured("an_nkey_and_credentials_are_read_from_their_files", &users)
    else {
        return;
    };
    let serving = demo();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ann.nk");
    fs::write(&file, format!("# ann\n{seed}\n")).unwrap();
    let address = nats.address("S");
    writing(&serving, &address)
        .arg("--nkey")
        .arg(&file)
        .succeed();
    writing(&serving, &address)
        .env("NATS_NKEY", &file)
        .succeed();
    // A JWT that the server does not know, signed with the right seed: the credentials are read,
    // and the server says no.
    let creds = folder.path().join("ann.creds");
    let text = format!(
        "-----BEGIN NATS USER JWT-----\neyJ0eXAi.eyJq.c2ln\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    fs::write(&creds, text).unwrap();
    let refused = writing(&serving, &address).arg("--creds").arg(&creds).run();
    refused.assert_says(
        6,
        &[
            "the credentials of '",
            "ann.creds",
            "authorization violation",
        ],
    );
    assert!(!refused.stderr.contains(seed), "{}", refused.stderr);
    let missing = folder.path().join("missing");
    let refused = writing(&serving, &address)
        .arg("--creds")
        .arg(missing)
        .run();
    refused.assert_says(2, &["cannot read the credentials file", "missing"]);
}

#[test]
fn a_server_with_tls_is_trusted_by_the_file_that_is_named() {
    let certificates = Certificates::new();
    let configuration = certificates.configuration("");
    let Some(nats) = Nats::configured(
        "a_server_with_tls_is_trusted_by_the_file_that_is_named",
        &configuration,
    ) else {
        return;
    };
    let serving = demo();
    let address = nats
        .address("S")
        .replace("nats://127.0.0.1", "tls://localhost");
    let call = || {
        writing(&serving, &address)
            .arg("--tlscert")
            .arg(certificates.path("client.pem"))
            .arg("--tlskey")
            .arg(certificates.path("client.key"))
    };
    call()
        .arg("--tlsca")
        .arg(certificates.path("ca.pem"))
        .succeed();
    call()
        .run()
        .assert_says(2, &["no TLS with tls://localhost", "--tlsca"]);
    let refused = writing(&serving, &address).arg("--tlscert").arg("x").run();
    refused.assert_says(2, &["the certificate is set", "--tlskey"]);
}

#[test]
fn a_server_that_begins_with_tls_is_spoken_to_so() {
    let certificates = Certificates::new();
    let configuration = certificates.configuration("handshake_first: true");
    let Some(nats) = Nats::configured(
        "a_server_that_begins_with_tls_is_spoken_to_so",
        &configuration,
    ) else {
        return;
    };
    let serving = demo();
    let address = nats.address("S").replace("127.0.0.1", "localhost");
    writing(&serving, &address)
        .with("--tlsfirst --tlsca")
        .arg(certificates.path("ca.pem"))
        .arg("--tlscert")
        .arg(certificates.path("client.pem"))
        .arg("--tlskey")
        .arg(certificates.path("client.key"))
        .succeed();
}

#[test]
fn domain_prefixes_and_name_are_those_that_are_given() {
    let monitor = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let monitor = monitor.to_string();
    let configuration = format!(
        r#"
        http: "{monitor}"
        jetstream {{ domain: "hub" }}
        authorization {{ users: [{{user: "ann", password: "b", permissions: {{subscribe: "_MINE.>"}}}}] }}"#
    );
    let Some(nats) = Nats::configured(
        "domain_prefixes_and_name_are_those_that_are_given",
        &configuration,
    ) else {
        return;
    };
    let serving = demo();
    let address = nats.address("S");
    let call = || {
        writing(&serving, &address)
            .env("NATS_USER", "ann")
            .env("NATS_PASSWORD", "b")
    };
    call()
        .with("--inbox-prefix _MINE --js-domain hub")
        .succeed();
    call()
        .with("--inbox-prefix _MINE --js-api-prefix $JS.hub.API")
        .succeed();
    let refused = call().with("--inbox-prefix _MINE --js-domain other").run();
    refused.assert_says(2, &["no JetStream", "--js-domain"]);
    let began = Instant::now();
    let refused = call().with("--nats-timeout 300ms").run();
    assert!(began.elapsed() < Duration::from_secs(4), "{refused:?}");
    assert_ne!(refused.code, Some(0), "{refused:?}");
    let running = call()
        .with("--inbox-prefix _MINE --connection-name mine -n 1000000")
        .start();
    wait_until("the name among the server's connections", || {
        ask(&monitor, b"GET /connz HTTP/1.0\r\n\r\n")
            .body
            .contains("\"name\": \"mine\"")
    });
    drop(running);
}
