//! The example of a consumer of a stream of NATS: killed in the middle, struck by its fate, and
//! nothing is missing.

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::timeout;

use super::start;
use crate::support::{DEADLINE, nats::Nats};

/// How often the program is killed.
const KILLS: usize = 3;

/// How many lines it prints before that.
const LINES: usize = 600;

/// The number and the payload of a line; `None` for what the process around the program prints, and
/// for a line that was cut.
fn tick(line: &str) -> Option<(u64, String)> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some((line["seq"].as_u64()?, line["data"].to_string()))
}

/// The payloads of the stream, in its order.
fn stored(nats: &Nats, n: usize) -> Vec<String> {
    nats.with(async |jetstream| {
        let stream = jetstream.get_stream("TICKS").await.unwrap();
        let config = async_nats::jetstream::consumer::pull::OrderedConfig::default();
        let consumer = stream.create_consumer(config).await.unwrap();
        let messages = consumer.messages().await.unwrap().take(n);
        let payloads = messages.map(|message| {
            let message = message.unwrap();
            let headers = message.headers.as_ref().unwrap();
            assert_eq!(headers.get("reflex_type").unwrap().as_str(), "1");
            String::from_utf8(message.payload.to_vec()).unwrap()
        });
        timeout(DEADLINE, payloads.collect()).await.unwrap()
    })
}

#[test]
fn a_killed_consumer_of_nats_goes_on_and_leaves_nothing_out() {
    let Some(nats) = Nats::start("a_killed_consumer_of_nats_goes_on_and_leaves_nothing_out") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (mut last, mut restarts) = (0, 0);
    let mut came = Vec::new();
    for kill in 0..KILLS {
        let mut program = start("nats_consumer", &nats.url(), folder.path());
        let mut lines = Vec::new();
        while lines.len() < LINES {
            lines.extend(tick(&program.line()));
        }
        lines.extend(program.kill().lines().filter_map(tick));
        let first = lines[0].0;
        // What was saved is a moment old: it goes on at or before the first line that is missing,
        // and not at the beginning.
        assert!(first <= last + 1, "{first} after {last}");
        assert!(kill == 0 || first > 1, "the saved place counts");
        let mut previous = first - 1;
        for (seq, _) in &lines {
            assert!(*seq <= previous + 1, "{seq} after {previous}");
            restarts += usize::from(*seq <= previous);
            previous = *seq;
        }
        last = last.max(previous);
        came.extend(lines);
    }
    assert!(restarts > 0, "its fate has struck");
    let stored = stored(&nats, usize::try_from(last).unwrap());
    let mut is_there = vec![false; stored.len()];
    for (seq, data) in came {
        let at = usize::try_from(seq).unwrap() - 1;
        assert_eq!(data, stored[at]);
        is_there[at] = true;
    }
    let lost = is_there.iter().filter(|is_there| !**is_there).count();
    assert_eq!(lost, 0, "of {last}");
    let writers = |writer: &str| {
        stored
            .iter()
            .filter(|data| data.starts_with(writer))
            .count()
    };
    assert!(writers("[0,") > 0 && writers("[1,") > 0, "both insert");
}
