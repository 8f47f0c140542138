//! The same calls of the official server and of ours, on the same files, and its own client.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{LIKE, serving};
use crate::support::{kept::Kept, world::World};

/// Filters as the official client takes them, and as a plan does.
fn filters(did: &str) -> [(String, Value); 6] {
    [
        (String::new(), json!({})),
        (
            format!("--collection {LIKE}"),
            json!({"collections": [LIKE]}),
        ),
        (
            "--kind commit --collection app.bsky.graph.*".to_owned(),
            json!({"kinds": ["commit"], "collections": ["app.bsky.graph.*"]}),
        ),
        (format!("--did {did}"), json!({"dids": [did]})),
        (
            format!("--kind commit --did {did} --collection {LIKE}"),
            json!({"kinds": ["commit"], "dids": [did], "collections": [LIKE]}),
        ),
        ("--kind identity".to_owned(), json!({"kinds": ["identity"]})),
    ]
}

#[test]
fn the_official_client_replays_the_same_from_both_servers() {
    let Some(mut world) = World::start("official_client_replays") else {
        return;
    };
    world.freeze_with(4, &[]);
    let server = serving(&world.segments(), "");
    let (mut ours, mut theirs) = (Kept::open(server.address()), Kept::open(&world.address()));
    let lists = [&mut ours, &mut theirs].map(|kept| kept.get("listSegments", "").json());
    assert_eq!(lists[0], lists[1]);
    // Of those with a like, the account with the fewest events, of which few blocks have any.
    let all = world.replayed(&world.address(), "");
    let mut counts = BTreeMap::new();
    for event in &all {
        *counts.entry(event["did"].as_str().unwrap()).or_insert(0) += 1;
    }
    let likes = all
        .iter()
        .filter(|event| event["commit"]["collection"] == LIKE);
    let likers = likes.map(|event| event["did"].as_str().unwrap());
    let did = likers.min_by_key(|did| counts[did]).unwrap();
    let mut modes = BTreeSet::new();
    for (flags, body) in filters(did) {
        let body = body.to_string();
        let plans = [&mut ours, &mut theirs].map(|kept| kept.plan(&body).json());
        assert_eq!(plans[0], plans[1], "{body}");
        let units = plans[0]["segments"].as_array().unwrap();
        modes.extend(units.iter().map(|unit| unit["mode"].to_string()));
        let theirs = world.replayed(&world.address(), &flags);
        assert!(!theirs.is_empty(), "{flags}");
        assert_eq!(world.replayed(server.address(), &flags), theirs, "{flags}");
    }
    assert_eq!(modes.len(), 2, "{modes:?}");
}
