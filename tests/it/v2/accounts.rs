//! Many accounts: asked for in one request, or filtered here.

use std::fs;

use super::{is_compressed, send, service, streams};
use crate::support::{
    events::{did, post},
    jetstream::{Request, Server},
    program::Rocketman,
};

/// So many accounts, among them that of event 1.
fn list(n: usize) -> String {
    let others = (1..n).map(|n| format!("did:web:a{n}.example"));
    others.chain([did(1)]).collect::<Vec<_>>().join("\n")
}

/// Sends posts of the accounts that were asked for.
fn posts_of_those(request: Request) {
    let dids = request.parameters("dids");
    let compressed = is_compressed(&request);
    let mut connection = request.accept();
    let wanted = |n: &u64| dids.is_empty() || dids.contains(&did(*n));
    send(
        &mut connection,
        compressed,
        (0..102).filter(wanted).map(post),
    );
    connection.until_closed();
}

/// Reads the posts of account 1 among so many.
fn read(server: &Server, n: usize, flags: &str) -> String {
    let call = Rocketman::tail(&server.service())
        .with("-d @dids -n 2")
        .with(flags);
    fs::write(call.path("dids"), list(n)).unwrap();
    let output = call.succeed();
    assert_eq!(output.lines(), [1, 101].map(post));
    output.stderr
}

#[test]
fn as_many_accounts_as_a_server_takes_are_asked_for() {
    let server = service(posts_of_those);
    let said = read(&server, 9990, "-k commit");
    assert!(!said.contains("left out here"), "{said}");
    let query = streams(&server).remove(0);
    let parameters = query.split('&').count();
    assert!((9990..=10_000).contains(&parameters), "{parameters}");
}

#[test]
fn more_accounts_than_a_server_takes_are_filtered_here() {
    let server = service(posts_of_those);
    let said = read(&server, 25_000, "");
    assert!(
        said.contains("25000 accounts are more than the server takes"),
        "{said}"
    );
    assert_eq!(streams(&server).len(), 1);
    assert!(!streams(&server)[0].contains("dids"));
    // The same over the v1 wire.
    let server = Server::every(|request| {
        assert!(request.parameters("requireHello").is_empty());
        let mut connection = request.accept();
        connection.send_all((0..102).map(post));
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.url()).with("-d @dids -n 2 --no-compress");
    fs::write(call.path("dids"), list(25_000)).unwrap();
    assert_eq!(call.succeed().lines(), [1, 101].map(post));
}

#[test]
fn a_proxy_that_takes_no_long_request_is_asked_for_all() {
    for (status, code) in [
        ("414 URI Too Long", 414),
        ("431 Request Header Fields Too Large", 431),
    ] {
        let server = service(move |request| {
            if request.target.len() > 8192 {
                request.refuse(status, "", "");
            } else {
                posts_of_those(request);
            }
        });
        let said = read(&server, 1000, "");
        let expected = format!("(HTTP {code}): it is asked for all");
        assert!(said.contains(&expected), "{said}");
        assert_eq!(streams(&server).len(), 2);
    }
}
