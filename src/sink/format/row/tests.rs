use unicode_width::UnicodeWidthStr;

use super::*;
use crate::event::Batch;

const DID: &str = "did:plc:aaaabbbbccccddddeeeeffff";

fn commit(operation: &str, collection: &str, record: &str) -> String {
    let record = match record {
        "" => String::new(),
        record => format!(r#","record":{record},"cid":"bafy""#),
    };
    format!(
        r#"{{"did":"{DID}","time_us":1800000000000000,"kind":"commit","commit":{{"rev":"3k","operation":"{operation}","collection":"{collection}","rkey":"3lkey"{record}}}}}"#
    )
}

fn of_account(kind: &str, payload: &str) -> String {
    format!(r#"{{"did":"{DID}","time_us":1800000000000000,"kind":"{kind}","{kind}":{payload}}}"#)
}

fn written(rows: &mut Rows, line: &str) -> String {
    let mut batch = Batch::new();
    batch.push(line.as_bytes()).unwrap();
    let mut out = Vec::new();
    rows.write(&batch.events().next().unwrap(), &mut out);
    let row = String::from_utf8(out).unwrap();
    row.strip_suffix('\n').unwrap().to_owned()
}

/// What is shown after the time of day.
fn row(line: &str) -> String {
    let row = written(&mut Rows::new(false), line);
    let (time, rest) = row.split_once(' ').unwrap();
    assert_eq!(time.len(), "10:14:43".len(), "{row}");
    rest.to_owned()
}

#[test]
fn each_common_record_says_what_it_is_about() {
    for (collection, record, expected) in [
        (
            "app.bsky.feed.post",
            r#"{"$type":"app.bsky.feed.post","langs":["de"],"text":"h\u00e9 \"llo\"\n\tb"}"#,
            r#"feed.post    DID "hé "llo"↵ b""#,
        ),
        (
            "app.bsky.feed.post",
            r#"{"text":"","embed":{"$type":"app.bsky.embed.images"}}"#,
            r#"feed.post    DID "" images"#,
        ),
        (
            "app.bsky.feed.like",
            r#"{"subject":{"cid":"bafy","uri":"at://did:plc:b/app.bsky.feed.post/3k"}}"#,
            "feed.like    DID at://did:plc:b/app.bsky.feed.post/3k",
        ),
        (
            "app.bsky.feed.repost",
            r#"{"subject":{"cid":"bafy","uri":"at://did:plc:b/app.bsky.feed.post/3k"}}"#,
            "feed.repost  DID at://did:plc:b/app.bsky.feed.post/3k",
        ),
        (
            "app.bsky.graph.follow",
            r#"{"subject":"did:plc:b"}"#,
            "graph.follow DID did:plc:b",
        ),
        (
            "app.bsky.graph.block",
            r#"{"subject":"did:plc:b"}"#,
            "graph.block  DID did:plc:b",
        ),
        (
            "app.bsky.actor.profile",
            r#"{"displayName":"Alice","description":"about\nme"}"#,
            r#"actor.profile DID "Alice" about↵me"#,
        ),
        (
            "app.bsky.graph.list",
            r#"{"name":"Birds","purpose":"app.bsky.graph.defs#curatelist"}"#,
            r#"graph.list   DID "Birds" curatelist"#,
        ),
        (
            "app.bsky.graph.listitem",
            r#"{"subject":"did:plc:b","list":"at://did:plc:c/app.bsky.graph.list/3k"}"#,
            "graph.listitem DID did:plc:b at://did:plc:c/app.bsky.graph.list/3k",
        ),
        // Anybody may write anything into any collection.
        (
            "app.bsky.feed.post",
            r#"{"text":7}"#,
            "feed.post    DID \"7\"",
        ),
        ("app.bsky.feed.post", "{}", "feed.post    DID 3lkey"),
        (
            "app.bsky.feed.like",
            r#"{"subject":"x"}"#,
            "feed.like    DID 3lkey",
        ),
        ("app.bsky.actor.profile", "{}", "actor.profile DID 3lkey"),
        (
            "fm.teal.alpha.feed.play",
            r#"{"a":1}"#,
            "fm.teal.alpha.feed.play DID 3lkey",
        ),
    ] {
        let expected = format!("create {}", expected.replace("DID", DID));
        assert_eq!(row(&commit("create", collection, record)), expected);
    }
    let delete = commit("delete", "app.bsky.feed.like", "");
    assert_eq!(row(&delete), format!("delete feed.like    {DID} 3lkey"));
    let update = commit("update", "app.bsky.actor.profile", r#"{"displayName":"A"}"#);
    assert_eq!(row(&update), format!("update actor.profile {DID} \"A\""));
}

#[test]
fn events_of_accounts_say_what_has_become_of_them() {
    for (kind, payload, expected) in [
        (
            "identity",
            r#"{"did":"x","handle":"a.example","seq":1}"#,
            "identity            DID a.example",
        ),
        (
            "identity",
            r#"{"did":"x","seq":1}"#,
            "identity            DID",
        ),
        (
            "account",
            r#"{"active":true,"seq":1}"#,
            "account             DID active",
        ),
        (
            "account",
            r#"{"active":false,"status":"takendown"}"#,
            "account             DID takendown",
        ),
        (
            "account",
            r#"{"active":false}"#,
            "account             DID inactive",
        ),
        (
            "sync",
            r#"{"rev":"3k","seq":1}"#,
            "sync                DID 3k",
        ),
        ("later", "{}", "later               DID"),
    ] {
        let expected = expected.replace("DID", DID);
        assert_eq!(row(&of_account(kind, payload)), expected);
    }
}

#[test]
fn a_row_is_as_wide_as_its_terminal_at_most() {
    let text = "漢字 and more 👨‍👩‍👧 of all that is to be said here".repeat(9);
    let post = commit(
        "create",
        "app.bsky.feed.post",
        &format!(r#"{{"text":"{text}"}}"#),
    );
    for columns in 1..200 {
        let mut rows = Rows::new(false);
        rows.set_columns(columns);
        let row = written(&mut rows, &post);
        assert!(row.width() <= columns && row.ends_with('…'), "{row}");
        let mut rows = Rows::new(true);
        rows.set_columns(columns);
        assert_eq!(without_colors(&written(&mut rows, &post)), row);
    }
    let mut rows = Rows::new(false);
    rows.set_columns(80);
    let follow = commit(
        "create",
        "app.bsky.graph.follow",
        r#"{"subject":"did:plc:b"}"#,
    );
    let narrow = written(&mut rows, &follow);
    assert!(
        narrow.ends_with("create graph.follow did:plc:aaaabbb… did:plc:b"),
        "{narrow}"
    );
    rows.set_columns(120);
    assert!(written(&mut rows, &follow).contains(DID));
}

fn without_colors(row: &str) -> String {
    let mut parts = row.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}

#[test]
fn parts_have_their_colours_and_text_has_none() {
    let mut rows = Rows::new(true);
    let post = commit("create", "app.bsky.feed.post", r#"{"text":"a\u001b[31mb"}"#);
    let row = written(&mut rows, &post);
    let (time, rest) = row.split_once("\x1b[0m ").unwrap();
    assert!(time.starts_with("\x1b[2m"), "{row:?}");
    assert_eq!(
        rest,
        format!(
            "\x1b[32mcreate\x1b[0m \x1b[36mfeed.post\x1b[0m    \x1b[34m{DID}\x1b[0m \"a\\u001b[31mb\""
        )
    );
    let delete = written(&mut rows, &commit("delete", "app.bsky.feed.post", ""));
    assert!(delete.contains("\x1b[31mdelete\x1b[0m"), "{delete:?}");
}

#[test]
fn nothing_of_an_event_acts_upon_a_terminal() {
    let all: String = ('\0'..='\u{fff}').chain('\u{2000}'..='\u{20ff}').collect();
    let text = serde_json::to_string(&all).unwrap();
    let raw = all.replace(['\\', '"', '\n'], "");
    for text in [text, format!("\"{raw}\"")] {
        let line = commit(
            "create",
            "app.bsky.feed.post",
            &format!(r#"{{"text":{text}}}"#),
        );
        let row = row(&line);
        assert!(!row.chars().any(acts), "{row:?}");
    }
}
