//! Several events at once.

use std::collections::HashMap;

use tokio::time::sleep;

use super::*;

/// Takes a random while for each event, and notes what is going on.
#[derive(Default)]
struct Busy {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Keys of each account's events, in the order in which they were done.
    done: HashMap<String, Vec<u64>>,
    at_work: Vec<String>,
    most_at_work: usize,
}

impl Ingestor for Busy {
    async fn ingest(&self, event: Event<'_>) -> Result<(), IngestError> {
        {
            let mut state = self.state.lock().unwrap();
            let did = event.did().to_owned();
            assert!(!state.at_work.contains(&did), "two of {did} at once");
            state.at_work.push(did);
            state.most_at_work = state.most_at_work.max(state.at_work.len());
        }
        sleep(Duration::from_millis(fastrand::u64(..20))).await;
        let mut state = self.state.lock().unwrap();
        state.at_work.retain(|did| did != event.did());
        let done = state.done.entry(event.did().to_owned()).or_default();
        done.push(event.rkey().parse().unwrap());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_accounts_events_keep_order_and_jobs_are_limited() {
    let busy = Arc::new(Busy::default());
    let mut ingest = Ingest::new()
        .on("app.bsky.feed.post", Arc::clone(&busy))
        .jobs(8);
    let lines = (0..2000).map(|n| post(&format!("{}", fastrand::u64(..50)), n));
    assert_eq!(run(&mut ingest, lines).await, (2000, None));
    let state = busy.state.lock().unwrap();
    assert_eq!(state.most_at_work, 8);
    assert_eq!(state.done.values().map(Vec::len).sum::<usize>(), 2000);
    assert!(state.done.values().all(|keys| keys.is_sorted()));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_accepted_behind_an_event_that_is_not_done() {
    let held = Arc::new(tokio::sync::Semaphore::new(0));
    let gate = Arc::clone(&held);
    let ingestor = move |event: OwnedEvent| {
        let gate = Arc::clone(&gate);
        async move {
            if event.rkey() == "3" {
                gate.acquire().await?.forget();
            }
            Ok(())
        }
    };
    let mut ingest = Ingest::new().on("app.bsky.feed.post", ingestor).jobs(2);
    let context = SinkContext::default();
    let mut batch = batch((0..100).map(|n| post(&n.to_string(), n)));
    ingest.begin(&[], &context).unwrap();
    // As many as may be in hand; what lies behind the event that is held is done, and does not
    // count.
    let stuck = async {
        while !batch.is_empty() {
            ingest.accept(&mut batch, &context).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), stuck)
        .await
        .unwrap_err();
    assert_eq!((context.accepted(), 100 - batch.len()), (3, 3 + 32));
    held.add_permits(1);
    while !batch.is_empty() {
        ingest.accept(&mut batch, &context).await.unwrap();
    }
    ingest.finish(&context).await.unwrap();
    assert_eq!(context.accepted(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_failure_lets_begun_jobs_end_and_begins_no_more() {
    let log = Log::default();
    let entries = log.clone();
    let ingestor = move |event: OwnedEvent| {
        let log = entries.clone();
        async move {
            if event.rkey() == "5" {
                return Err(IngestError::lasting("no"));
            }
            sleep(Duration::from_millis(event.rkey().parse::<u64>()? * 10)).await;
            log.add(event.rkey());
            Ok(())
        }
    };
    let mut ingest = Ingest::new().on("app.bsky.feed.post", ingestor).jobs(4);
    let lines = (0..100).map(|n| post(&n.to_string(), n));
    let (accepted, told) = run(&mut ingest, lines).await;
    assert_eq!(accepted, 5);
    assert!(told.unwrap().ends_with("feed.post/5: no"));
    // 5 began when 0 and 1 were done, beside 2, 3 and 4.
    assert_eq!(log.entries(), ["0", "1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_while_the_stream_is_quiet() {
    let ingestor = |_event: OwnedEvent| async {
        sleep(Duration::from_millis(50)).await;
        Err(IngestError::lasting("no"))
    };
    let mut ingest = Ingest::new().on("app.bsky.feed.post", ingestor).jobs(4);
    let context = SinkContext::default();
    ingest.begin(&[], &context).unwrap();
    let quiet = tokio::time::timeout(Duration::from_secs(1), ingest.drive());
    quiet.await.unwrap_err();
    ingest
        .accept(&mut batch([post("a", 0)]), &context)
        .await
        .unwrap();
    let told = ingest.drive().await.to_string();
    assert!(told.ends_with("feed.post/0"), "{told}");
    ingest.finish(&context).await.unwrap();
    assert_eq!(context.accepted(), 0);
}

#[tokio::test]
#[should_panic(expected = "a bug of the user's")]
async fn a_panic_of_an_ingestor_is_a_panic_here() {
    let ingestor = |event: OwnedEvent| async move {
        assert_eq!(event.rkey(), "", "a bug of the user's");
        Ok(())
    };
    let mut ingest = Ingest::new().on("app.bsky.feed.post", ingestor).jobs(2);
    run(&mut ingest, [post("a", 0)]).await;
}
