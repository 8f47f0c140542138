//! A stream that programs of the library share out among themselves, by what rjet's users share
//! out: the number, or a foreign ID.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use async_nats::jetstream::stream;
use rocketman::{
    Pipeline, PipelineSettings,
    cursor::FileCursor,
    event::{OwnedEvent, Start},
    filter::{Filter, Shard},
    sink::ingest::Ingest,
    source::nats::{NatsMessage, NatsSource, NatsSourceSettings},
};
use tokio::time::timeout;

use super::{
    connection::settings,
    source::{make, numbers, publish},
};
use crate::support::{
    DEADLINE,
    nats::{Nats, block_on},
};

/// Reads to the end with this filter, going on from the cursor. Returns the number and the key of
/// each message.
async fn read(
    nats: &Nats,
    key: Option<fn(&NatsMessage<'_>) -> String>,
    filter: Filter,
    cursor: &Path,
    count: Option<u64>,
) -> Vec<(u64, String)> {
    let source = NatsSource::new(NatsSourceSettings {
        start_if_new: Some(Start::OLDEST),
        exit_at_end: true,
        ..NatsSourceSettings::new(settings(nats), "S")
    });
    let source = match key {
        Some(key) => source.key(key),
        None => source,
    };
    let came = Arc::<Mutex<Vec<_>>>::default();
    let kept = Arc::clone(&came);
    let ingest = Ingest::new().otherwise(move |event: OwnedEvent| {
        let event = event.event();
        let seq = event.point().seq.unwrap();
        kept.lock().unwrap().push((seq, event.key().to_owned()));
        async { Ok(()) }
    });
    let settings = PipelineSettings {
        count,
        ..PipelineSettings::default()
    };
    let run = Pipeline::new(source, ingest)
        .filter(filter)
        .cursor(FileCursor::open(cursor).unwrap())
        .settings(settings)
        .run(std::future::pending());
    timeout(DEADLINE, run).await.unwrap().unwrap();
    std::mem::take(&mut *came.lock().unwrap())
}

fn shards() -> impl Iterator<Item = Shard> {
    (1..=3).map(|number| Shard::new(number, 3).unwrap())
}

#[test]
fn shards_by_number_share_out_a_single_subject() {
    let Some(nats) = Nats::start("shards_by_number_share_out_a_single_subject") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.all", numbers(0..300));
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    block_on(async {
        for shard in shards() {
            let cursor = folder.path().join(shard.number().to_string());
            let filter = || Filter::new().shard_by_number(shard);
            let mut part = read(&nats, None, filter(), &cursor, Some(40)).await;
            part.extend(read(&nats, None, filter(), &cursor, None).await);
            assert!(part.len() > 60, "{shard}: {}", part.len());
            assert!(part.is_sorted(), "{part:?}");
            all.extend(part.into_iter().map(|(seq, _)| seq));
        }
    });
    all.sort_unstable();
    assert!(all.into_iter().eq(1..=300), "each once");
}

#[test]
fn messages_of_one_foreign_id_reach_one_shard_in_order() {
    let Some(nats) = Nats::start("messages_of_one_foreign_id_reach_one_shard_in_order") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    for step in ["created", "paid", "sent"] {
        for order in 0..20 {
            publish(&nats, &format!("s.{order}.{step}"), numbers(0..1));
        }
    }
    let order = |message: &NatsMessage<'_>| {
        let order = message.subject().split('.').nth(1);
        order.unwrap_or_default().to_owned()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut shards_of = BTreeMap::<String, Vec<u32>>::new();
    let mut used = Vec::new();
    block_on(async {
        for shard in shards() {
            let cursor = folder.path().join(shard.number().to_string());
            let filter = Filter::new().shard(shard);
            let part = read(&nats, Some(order), filter, &cursor, None).await;
            assert!(part.iter().map(|(seq, _)| seq).is_sorted());
            for (_, key) in part {
                shards_of.entry(key).or_default().push(shard.number());
                used.push(shard.number());
            }
        }
    });
    assert_eq!(shards_of.len(), 20, "{shards_of:?}");
    let is_whole = |shards: &Vec<u32>| shards.len() == 3 && shards.iter().all(|n| *n == shards[0]);
    assert!(shards_of.values().all(is_whole), "{shards_of:?}");
    used.dedup();
    assert_eq!(used, [1, 2, 3], "each has some");
}
