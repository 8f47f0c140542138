//! How events are written: rows for people on a terminal, templates and tables everywhere.

mod messages;
mod tables;
mod templates;
mod terminal;

use crate::support::{
    events::{account, commit, identity, post, unlike},
    jetstream::{Request, Server},
};

/// A post with this text.
fn post_of(n: u64, text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    let rest = format!(r#","record":{{"langs":["de","en"],"text":{text}}},"cid":"bafyrei"#);
    commit(n, Some(n + 1), "create", "app.bsky.feed.post", &rest)
}

/// A server with these events, which honours the cursor and stays.
fn events(events: Vec<String>) -> impl Fn(Request) + Send + Sync + 'static {
    move |request| {
        let from = request.cursor().map_or(0, |seq| seq.saturating_sub(1));
        let mut connection = request.accept();
        connection.send_all(events.iter().skip(usize::try_from(from).unwrap()).cloned());
        connection.until_closed();
    }
}

/// A post, a deletion, an identity and an account event.
fn of_each_kind() -> (Server, Vec<String>) {
    let lines = vec![post(0), unlike(1), identity(2), account(3)];
    (Server::every(events(lines.clone())), lines)
}
