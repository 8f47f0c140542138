//! Many accounts: asked for in one request, or filtered here.

use std::fs::{self, File};

use rustix::process::Signal;

use super::{is_compressed, send, service, streams};
use crate::support::{
    events::{did, post},
    jetstream::{Request, Server},
    program::Rocketman,
    terminal::Terminal,
};

/// Accounts, among them that of event 1.
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

/// Reads the posts of account 1 among all of them.
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

#[test]
fn accounts_are_read_from_stdin() {
    let server = service(posts_of_those);
    let call = Rocketman::tail(&server.service()).with("-d @- -n 2 --no-compress");
    let list = call.path("list");
    fs::write(&list, format!("# mine\n{}\n", did(1))).unwrap();
    let output = call.stdin(File::open(&list).unwrap()).succeed();
    assert_eq!(output.lines(), [1, 101].map(post));
    let call = Rocketman::tail(&server.service()).with("-d @-");
    call.run().assert_says(2, &["'-' names no account"]);
}

#[test]
fn sighup_reads_accounts_again_on_a_new_v2_connection() {
    let server = service(|request| {
        let dids = request.parameters("dids");
        let cursor = request.cursor();
        let mut connection = request.accept();
        match (dids.len(), cursor) {
            (1, None) => send(&mut connection, false, [post(1)]),
            // At the same place.
            (2, Some(2)) => send(&mut connection, false, [1, 2].map(post)),
            other => panic!("{other:?}"),
        }
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.service()).with("-d @list -n 2 --no-compress");
    let list = call.path("list");
    fs::write(&list, did(1)).unwrap();
    let mut running = call.start();
    assert_eq!(running.line(), post(1));
    fs::write(&list, "nobody").unwrap();
    running.signal(Signal::HUP);
    running.message("the accounts stay as they are: --did: line 1 of 'list'");
    fs::write(&list, format!("{}\n{}", did(1), did(2))).unwrap();
    running.signal(Signal::HUP);
    assert_eq!(running.line(), post(2));
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn sighup_tells_a_v1_connection_of_other_accounts() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(post(1));
        let update = connection.receive().into_text().unwrap();
        assert!(update.contains(r#""type":"options_update""#), "{update}");
        assert!(
            update.contains(&did(2)) && !update.contains(&did(1)),
            "{update}"
        );
        connection.send_all([post(101), post(2)]);
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.url()).with("-d @list -n 2 --no-compress -o out");
    let (list, out) = (call.path("list"), call.path("out"));
    fs::write(&list, did(1)).unwrap();
    let running = call.start();
    crate::support::wait_until("the first event", || {
        fs::read_to_string(&out).is_ok_and(|text| text.ends_with('\n'))
    });
    fs::write(&list, did(2)).unwrap();
    running.signal(Signal::HUP);
    crate::support::wait_until("the second event", || {
        fs::read_to_string(&out).is_ok_and(|text| text.lines().count() == 2)
    });
    let text = fs::read_to_string(&out).unwrap();
    assert_eq!(text, format!("{}\n{}\n", post(1), post(2)));
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn sighup_stops_a_stdout_that_is_a_terminal_and_no_other() {
    let server = Server::every(|request| {
        let mut connection = request.accept();
        connection.send(post(0));
        connection.until_closed();
    });
    let mut running = Rocketman::tail(&server.url()).start();
    assert_eq!(running.line(), post(0));
    running.signal(Signal::HUP);
    running.signal(Signal::TERM);
    running.message("stopped by SIGTERM");
    assert_eq!(running.finish().code, Some(0));
    let line = format!(
        "$R tail {} 2> err & P=$!; until grep -q reading err; do sleep 0.01; done; \
         kill -HUP $P; wait $P",
        server.url()
    );
    if let Some(terminal) = Terminal::run(&line) {
        terminal.line_with("exit code 0");
        let said = fs::read_to_string(terminal.path("err")).unwrap();
        assert!(said.contains("stopped by SIGHUP"), "{said}");
    }
}
