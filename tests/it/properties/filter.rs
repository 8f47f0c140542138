//! What a filter keeps, beside what servers send.

use super::*;

/// What was asked for.
#[derive(Debug, Clone)]
struct Asked {
    collections: Vec<CollectionPattern>,
    dids: Vec<Did>,
    kinds: Vec<Kind>,
    operations: Vec<Operation>,
}

impl Asked {
    fn filter(&self) -> Filter {
        Filter::new()
            .collections(self.collections.iter().cloned())
            .dids(self.dids.iter().cloned())
            .kinds(self.kinds.iter().copied())
            .operations(self.operations.iter().copied())
    }

    /// Whether a server sends the event (protocol reference, section 1.2).
    fn is_sent(&self, sent: &Sent) -> bool {
        let is_did = self.dids.is_empty() || self.dids.iter().any(|did| did.as_str() == sent.did);
        let matches = |pattern: &CollectionPattern| match pattern.as_str().strip_suffix('*') {
            Some(prefix) => sent.collection.starts_with(prefix),
            None => sent.collection == pattern.as_str(),
        };
        let is_collection = sent.kind != "commit"
            || self.collections.is_empty()
            || self.collections.iter().any(matches);
        is_did && is_collection
    }

    /// Whether its kind and operation were asked for, which no server is told.
    fn is_chosen(&self, sent: &Sent) -> bool {
        let has = |names: &[&str], name: &str, known: &[&str]| {
            let name = if known.contains(&name) { name } else { "other" };
            names.is_empty() || names.contains(&name)
        };
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        let operations: Vec<_> = self.operations.iter().map(|o| o.as_str()).collect();
        let known = ["commit", "identity", "account", "sync"];
        has(&kinds, sent.kind, &known)
            && (sent.kind != "commit"
                || has(&operations, sent.operation, &["create", "update", "delete"]))
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    (
        vec(pattern(), 0..4),
        btree_set(did(), 0..4),
        subsequence(Kind::ALL.to_vec(), 0..=Kind::ALL.len()),
        subsequence(Operation::ALL.to_vec(), 0..=Operation::ALL.len()),
    )
        .prop_map(|(collections, dids, kinds, operations)| Asked {
            collections,
            dids: dids.iter().map(|did| Did::parse(did).unwrap()).collect(),
            kinds,
            operations,
        })
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_filter_keeps_what_was_asked_of_the_server_and_wanted(
        asked in asked(),
        events in vec(sent(), 0..30),
    ) {
        let filter = asked.filter();
        let expected = events.iter().filter(|sent| asked.is_sent(sent) && asked.is_chosen(sent));
        let expected: Vec<_> = expected.map(Sent::line).collect();
        let mut batch = batch(&events);
        batch.retain(|event| filter.keeps(&event));
        prop_assert_eq!(lines(&batch), expected);
    }

    #[test]
    fn a_filter_keeps_the_same_events_under_any_batching(
        asked in asked(),
        events in vec(sent(), 0..30),
        cuts in btree_set(0..30_usize, 0..6),
    ) {
        let filter = asked.filter();
        let alone = events.iter().filter(|sent| {
            let batch = batch([*sent]);
            batch.events().all(|event| filter.keeps(&event))
        });
        let expected: String = alone.map(|sent| sent.line() + "\n").collect();
        let mut out = Vec::new();
        let (mut one, mut from) = (Batch::new(), 0);
        for cut in cuts.into_iter().chain([events.len()]).filter(|cut| *cut <= events.len()) {
            one.clear();
            for sent in &events[from..cut] {
                one.push(sent.line().as_bytes()).unwrap();
            }
            one.retain(|event| filter.keeps(&event));
            out.extend_from_slice(one.lines());
            from = cut;
        }
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn shards_cover_a_stream_and_leave_each_account_whole(
        asked in asked(),
        events in vec(sent(), 0..30),
        of in 1..9_u32,
    ) {
        let filter = asked.filter();
        let mut whole = batch(&events);
        whole.retain(|event| filter.keeps(&event));
        let whole = lines(&whole);
        let mut all = Vec::new();
        for number in 1..=of {
            let shard = Shard::new(number, of).unwrap();
            let filter = asked.filter().shard(shard);
            let mut batch = batch(&events);
            batch.retain(|event| filter.keeps(&event));
            let is_in = |line: &&String| {
                let sent = events.iter().find(|sent| sent.line() == **line);
                sent.is_some_and(|sent| shard.has(&sent.did))
            };
            // In the stream's order, whatever else is between.
            let expected: Vec<_> = whole.iter().filter(is_in).cloned().collect();
            prop_assert_eq!(&lines(&batch), &expected);
            all.extend(expected);
        }
        let sorted = |mut lines: Vec<String>| { lines.sort(); lines };
        prop_assert_eq!(sorted(all), sorted(whole));
    }
}
