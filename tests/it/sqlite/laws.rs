//! The state does not depend on what came twice, late, in another order across accounts, or from
//! another server.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use proptest::prelude::*;
use rocketman::{
    event::{Batch, Origin},
    sink::{Sink, SinkContext},
    table::sqlite::{SqliteSettings, open},
};

use super::records;
use crate::support::{
    events::{EPOCH, STEP},
    fold::{Accounts, Fold},
};

/// A part of what a server has, in its order.
type Part = (usize, Vec<String>);

/// Has a table take these parts, one after the other.
fn fold(path: &Path, parts: &[Part]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let settings = SqliteSettings::new(path, "tests", "all");
        let (mut sink, _cursor) = open(settings).unwrap();
        let context = SinkContext::default();
        sink.begin(&[], &context).unwrap();
        for (server, lines) in parts {
            let origin = Arc::new(Origin {
                source: "jetstream".into(),
                host: format!("server-{server}"),
                instance: None,
            });
            let mut batch = Batch::new();
            batch.set_origin(&origin);
            for line in lines {
                batch.push(line.as_bytes()).unwrap();
            }
            sink.accept(&mut batch, &context).await.unwrap();
        }
        sink.finish(&context).await.unwrap();
        let all: usize = parts.iter().map(|(_, lines)| lines.len()).sum();
        assert_eq!(context.accepted(), all as u64);
    });
}

/// The steps of a history: the events of one go together.
fn history(seed: u64, n: usize) -> Vec<Vec<String>> {
    let mut accounts = Accounts::new(seed, 8);
    std::iter::repeat_with(|| accounts.step()).take(n).collect()
}

/// The same events as another server has them: later, and under numbers of its own.
fn elsewhere(steps: &[Vec<String>]) -> Vec<Vec<String>> {
    let mut n = 0;
    let mut other = |line: &String| {
        let (seq, time_us) = (n + 1, EPOCH + n * STEP);
        n += 1;
        line.replacen(
            &format!("\"time_us\":{time_us},"),
            &format!("\"time_us\":{},", time_us + 700),
            1,
        )
        .replacen(
            &format!("\"cursor\":{seq},"),
            &format!("\"cursor\":{},", seq * 3),
            1,
        )
    };
    let mut step = |lines: &Vec<String>| lines.iter().map(&mut other).collect();
    steps.iter().map(&mut step).collect()
}

/// The account that a step is about.
fn account(step: &[String]) -> &str {
    step[0].split('"').nth(3).unwrap()
}

/// Draws another order of the steps in which those of an account keep theirs.
fn reordered(steps: &[Vec<String>], seed: u64) -> Vec<String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut queues: BTreeMap<&str, Vec<&Vec<String>>> = BTreeMap::new();
    for step in steps.iter().rev() {
        queues.entry(account(step)).or_default().push(step);
    }
    let mut lines = Vec::new();
    while !queues.is_empty() {
        let keys: Vec<_> = queues.keys().copied().collect();
        let key = rng.choice(keys).unwrap();
        match queues.get_mut(key).unwrap().pop() {
            Some(step) => lines.extend(step.iter().cloned()),
            None => drop(queues.remove(key)),
        }
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 24 } else { 200 }))]
    #[test]
    fn events_fold_to_one_state_in_any_order(
        seed: u64,
        cuts in prop::collection::vec((0..2_usize, 0..300_usize, 0..300_usize), 0..6),
        is_mixed: bool,
    ) {
        let steps = history(seed, 300);
        let servers = [steps.clone(), elsewhere(&steps)];
        let lines = |server: usize, from: usize, to: usize| -> Part {
            (server, servers[server][from..to].concat())
        };
        // Some of either server at first, all of the first one, then some of it all once more.
        let mut parts: Vec<Part> = cuts
            .iter()
            .map(|(server, from, len)| lines(*server, *from, (from + len).min(300)))
            .collect();
        let repeated = parts.split_off(parts.len() / 2);
        let whole = if is_mixed { (0, reordered(&steps, seed)) } else { lines(0, 0, 300) };
        parts.push(whole);
        parts.push(lines(1, 0, 300));
        parts.extend(repeated);
        let mut wanted = Fold::default();
        wanted.add(0, &servers[0].concat());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        fold(&path, &parts);
        prop_assert_eq!(records(&path, "all_records"), wanted.records());
        prop_assert_eq!(records(&path, "records"), wanted.visible());
    }
}
