//! Many output files: their names, when they are begun and complete, and how they are compressed.

mod both_die;
mod compressed;
mod future;
pub mod killed;
mod many;
mod named;
mod parquet;
mod refused;
mod shared;
mod stages;

use crate::support::events::{account, commit, identity};

/// Event `n` of a stream with five sorts of events, a hundred of each in a row.
fn event(n: u64) -> String {
    match n / 100 % 10 {
        0 => identity(n),
        1 => account(n),
        2..=6 => post_in(n, "app.bsky.feed.like"),
        7 | 8 => post_in(n, "app.bsky.feed.post"),
        _ => post_in(n, "app.bsky.graph.follow"),
    }
}

/// Event `n`, in this collection.
fn post_in(n: u64, collection: &str) -> String {
    let rest = r#","record":{"text":"héllo 🚀"},"cid":"bafyrei"#;
    commit(n, Some(n + 1), "create", collection, rest)
}
