//! Events as servers send them.

use std::time::{SystemTime, UNIX_EPOCH};

use super::jetstream::Request;

/// The time of event 0, in microseconds since 1970.
pub const EPOCH: u64 = 1_790_000_000_000_000;

/// How far events are apart: a millisecond.
pub const STEP: u64 = 1_000;

/// A post of a new server: event `n` has the number `n + 1`.
pub fn post(n: u64) -> String {
    commit(
        n,
        Some(n + 1),
        "create",
        "app.bsky.feed.post",
        r#","record":{"$type":"app.bsky.feed.post","text":"héllo 🚀"},"cid":"bafyrei"#,
    )
}

/// The same post of a server that does not count.
pub fn legacy_post(n: u64) -> String {
    commit(
        n,
        None,
        "create",
        "app.bsky.feed.post",
        r#","record":{"$type":"app.bsky.feed.post","text":"héllo 🚀"},"cid":"bafyrei"#,
    )
}

/// A like being deleted.
pub fn unlike(n: u64) -> String {
    commit(n, Some(n + 1), "delete", "app.bsky.feed.like", "")
}

/// Any commit; `rest` follows the record key, without its last quote.
pub fn commit(n: u64, seq: Option<u64>, operation: &str, collection: &str, rest: &str) -> String {
    let cursor = seq
        .map(|seq| format!(r#","cursor":{seq}"#))
        .unwrap_or_default();
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!("{rest}\"")
    };
    format!(
        r#"{{"did":"{}","time_us":{}{cursor},"kind":"commit","commit":{{"rev":"3k{n:011}","operation":"{operation}","collection":"{collection}","rkey":"3l{n:011}"{rest}}}}}"#,
        did(n),
        EPOCH + n * STEP
    )
}

/// The author of event `n`: one of a hundred.
pub fn did(n: u64) -> String {
    format!("did:plc:{:024}", n % 100)
}

/// An identity event.
pub fn identity(n: u64) -> String {
    let did = did(n);
    let time_us = EPOCH + n * STEP;
    format!(
        r#"{{"did":"{did}","time_us":{time_us},"cursor":{},"kind":"identity","identity":{{"did":"{did}","handle":"a{n}.example","seq":{},"time":"2026-07-04T14:38:07.877Z"}}}}"#,
        n + 1,
        n + 1000
    )
}

/// An account event.
pub fn account(n: u64) -> String {
    let did = did(n);
    let time_us = EPOCH + n * STEP;
    format!(
        r#"{{"did":"{did}","time_us":{time_us},"cursor":{},"kind":"account","account":{{"active":false,"did":"{did}","seq":{},"status":"deleted","time":"2026-07-04T14:38:07.877Z"}}}}"#,
        n + 1,
        n + 1000
    )
}

/// The number of the event that lies this many seconds from now.
pub fn at(seconds_from_now: i64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now_us = i64::try_from(now.as_micros()).unwrap();
    let time_us = u64::try_from(now_us + seconds_from_now * 1_000_000).unwrap();
    (time_us - EPOCH) / STEP
}

/// A moment, in seconds since 1970, as HTTP writes it.
pub fn http_date(seconds: u64) -> String {
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A server with `n` posts, which honours the cursor and stays.
pub fn posts(n: u64) -> impl Fn(Request) + Send + Sync + 'static {
    move |request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        connection.send_all((from..n).map(post));
        connection.until_closed();
    }
}

/// The same, and one more event that is eleven seconds later: a run whose end lies at the last post
/// has then seen all that can come before it.
pub fn posts_and_later(n: u64) -> impl Fn(Request) + Send + Sync + 'static {
    move |request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        connection.send_all((from..n).map(post));
        connection.send(post(n + 11_000_000 / STEP));
        connection.until_closed();
    }
}

/// What the local clock says, in microseconds since 1970.
pub fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_micros()).unwrap()
}
