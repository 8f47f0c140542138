//! Tries that fail: which are repeated, how soon, and when it is enough.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{assert_lines, count};
use crate::support::{
    events::{EPOCH, STEP, at, http_date, post},
    jetstream::Server,
    program::Rocketman,
};

/// A server that refuses the first request in this way, and the times of its requests.
fn refusing_once(
    status: &'static str,
    headers: String,
    body: &'static str,
) -> (Server, Arc<Mutex<Vec<Instant>>>) {
    let times = Arc::<Mutex<Vec<_>>>::default();
    let seen = Arc::clone(&times);
    let server = Server::every(move |request| {
        let mut times = seen.lock().unwrap();
        times.push(Instant::now());
        let is_first = times.len() == 1;
        drop(times);
        if is_first {
            request.refuse(status, &headers, body);
        } else {
            let mut connection = request.accept();
            connection.send(post(0));
            connection.until_closed();
        }
    });
    (server, times)
}

#[test]
fn a_passing_refusal_is_retried_when_the_server_allows_it() {
    for status in ["503 Service Unavailable", "429 Too Many Requests"] {
        let (server, times) = refusing_once(status, "Retry-After: 1\r\n".to_owned(), "not yet");
        let output = Rocketman::tail(&server.url()).with("-n 1").succeed();
        assert_lines(&output, [post(0)].into_iter());
        let code = status.get(..3).unwrap();
        assert_eq!(
            count(
                &output,
                &format!("HTTP {code}: not yet; trying again in 1.0 s")
            ),
            1,
            "{}",
            output.stderr
        );
        let times = times.lock().unwrap();
        assert_eq!(times.len(), 2);
        assert!(times[1] - times[0] >= Duration::from_secs(1));
    }
}

/// The server's clock may be hours off; what it asks for is still two seconds.
#[test]
fn a_wait_until_a_date_is_counted_by_the_servers_clock() {
    for off in [-7200, 7200] {
        let now = (EPOCH + at(off) * STEP) / 1_000_000;
        let (now, later) = (http_date(now), http_date(now + 2));
        let headers = format!("Date: {now}\r\nRetry-After: {later}\r\n");
        let (server, times) = refusing_once("503 Service Unavailable", headers, "");
        let output = Rocketman::tail(&server.url()).with("-n 1").succeed();
        output.assert_says(0, &["HTTP 503; trying again in 2.0 s"]);
        let times = times.lock().unwrap();
        assert_eq!(times.len(), 2);
        assert!(times[1] - times[0] >= Duration::from_secs(2));
    }
}

#[test]
fn a_refusal_without_a_wait_is_retried_too() {
    let tries = AtomicUsize::new(0);
    let server = Server::every(move |request| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => request.refuse("500 Internal Server Error", "", ""),
        1 => request.refuse("408 Request Timeout", "", ""),
        2 => request.answer(b"SSH-2.0-OpenSSH_9.2\r\n"),
        3 => request.cut(),
        _ => {
            let mut connection = request.accept();
            connection.send(post(0));
            connection.until_closed();
        }
    });
    let call = Rocketman::tail(&server.url()).logging_each_try();
    let output = call.with("-n 1").succeed();
    assert_lines(&output, [post(0)].into_iter());
    assert_eq!(count(&output, ": cannot reach"), 4, "{}", output.stderr);
    assert_eq!(count(&output, "connected to"), 1, "{}", output.stderr);
}

#[test]
fn after_n_failed_tries_in_a_row_it_gives_up() {
    for retries in [0, 2] {
        let server = Server::every(|request| request.refuse("502 Bad Gateway", "", ""));
        let output = Rocketman::tail(&server.url())
            .logging_each_try()
            .with(&format!("--max-retries {retries}"))
            .run();
        assert_eq!(output.code, Some(3), "{output:#?}");
        assert_eq!(server.requests().len(), retries + 1);
        let tries = if retries == 0 {
            "after 1 failed try".to_owned()
        } else {
            format!("after {} failed tries in a row", retries + 1)
        };
        assert_eq!(count(&output, &tries), 1, "{}", output.stderr);
        assert_eq!(count(&output, "trying again in"), retries);
    }
}

#[test]
fn only_new_events_end_a_row_of_failed_tries() {
    // Two failures, an event, a cut and one more failure: with two retries that is not enough to
    // give up.
    let tries = AtomicUsize::new(0);
    let server = Server::every(move |request| {
        let n = tries.fetch_add(1, Ordering::SeqCst);
        match n {
            2 | 4 => {
                let mut connection = request.accept();
                connection.send_all((0..=n as u64 / 4).map(post));
                connection.cut();
            }
            5 => {
                // The repeat alone is no progress.
                let mut connection = request.accept();
                connection.send(post(1));
                connection.cut();
            }
            _ => request.refuse("502 Bad Gateway", "", ""),
        }
    });
    let output = Rocketman::tail(&server.url()).with("--max-retries 2").run();
    assert_eq!(output.code, Some(3), "{output:#?}");
    assert_lines(&output, (0..2).map(post));
    // 0, 1 fail; 2 brings an event and is cut; 3 fails; 4 brings an event and is cut; 5 and 6 bring
    // nothing new.
    assert_eq!(server.requests().len(), 7, "{}", output.stderr);
}

#[test]
fn a_server_that_accepts_and_sends_nothing_is_left() {
    // Its date is that of the first event, so that the next server is asked for it.
    let date = Some("Mon, 21 Sep 2026 14:13:20 GMT");
    let bad = Server::one(move |request| request.accept_dated(date).cut());
    let good = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(post(0));
        connection.until_closed();
    });
    let output = Rocketman::tail(&bad.url())
        .arg(good.url())
        .with("-n 1")
        .succeed();
    assert_eq!(output.lines(), [post(0)]);
}

#[test]
fn a_server_cut_again_and_again_is_left_without_loss() {
    let cutting = Server::every(|request| {
        // Each connection brings the last event again, and one more.
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        connection.send_all((from..from + 2).map(post));
        connection.cut();
    });
    let steady = Server::one(|request| {
        assert!(
            request.cursor().unwrap() > 1_000_000_000_000_000,
            "another server is asked by time"
        );
        let mut connection = request.accept();
        connection.send_all((0..10).map(post));
        connection.until_closed();
    });
    let output = Rocketman::tail(&cutting.url())
        .arg(steady.url())
        .with("-n 10")
        .succeed();
    assert_eq!(output.lines(), (0..10).map(post).collect::<Vec<_>>());
    assert_eq!(cutting.requests().len(), 3);
}

#[test]
fn a_refusal_is_final_only_when_all_servers_refuse() {
    let refusing = || Server::every(|request| request.refuse("404 Not Found", "", "no such page"));
    let (one, two) = (refusing(), refusing());
    let good = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(post(0));
        connection.until_closed();
    });
    let output = Rocketman::tail(&one.url())
        .logging_each_try()
        .arg(two.url())
        .arg(good.url())
        .with("-n 1")
        .succeed();
    assert_lines(&output, [post(0)].into_iter());
    assert_eq!(
        count(&output, "HTTP 404: no such page; trying ws://"),
        2,
        "{}",
        output.stderr
    );
    let output = Rocketman::tail(&one.url()).arg(two.url()).run();
    output.assert_says(6, &[&two.url(), "refused", "404"]);
    assert_eq!((one.requests().len(), two.requests().len()), (2, 2));
}

#[test]
fn a_slow_sink_that_costs_the_connection_is_named() {
    let server = Server::every(|request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        // More than all buffers hold; then the server has waited long enough.
        connection.send_all((from..from + 30_000).map(post));
        connection.cut();
    });
    let (mut reader, writer) = std::io::pipe().unwrap();
    let running = Rocketman::tail(&server.url())
        .with("-n 30001")
        .stdout(std::process::Stdio::from(writer))
        .start_elsewhere();
    server.wait_for_requests(1);
    // On purpose: as long as servers wait.
    std::thread::sleep(Duration::from_millis(4500));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    let output = running.finish();
    assert_eq!(text.lines().count(), 30_001);
    assert_eq!(
        count(&output, ", after stdout took nothing for "),
        1,
        "{}",
        output.stderr
    );
}
