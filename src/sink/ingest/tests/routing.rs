//! Which ingestor gets which event.

use super::*;

#[tokio::test]
async fn an_event_goes_to_the_route_that_says_most_about_it() {
    let log = Log::default();
    let mut ingest = Ingest::new()
        .on("app.bsky.*", log.as_ingestor("bsky"))
        .on("app.bsky.feed.post", log.as_ingestor("post"))
        .on("app.bsky.feed.*", log.as_ingestor("feed"))
        .on_account(log.as_ingestor("account"))
        .on_identity(log.as_ingestor("identity"))
        .on_sync(log.as_ingestor("sync"))
        .otherwise(log.as_ingestor("rest"));
    let lines = [
        commit("a", "app.bsky.feed.post", 0),
        commit("a", "app.bsky.feed.like", 1),
        commit("a", "app.bsky.graph.follow", 2),
        commit("a", "app.bskyx.feed.post", 3),
        commit("a", "fm.teal.alpha.feed.play", 4),
        other("account", 5),
        other("identity", 6),
        other("sync", 7),
        other("comet", 8),
    ];
    assert_eq!(run(&mut ingest, lines).await, (9, None));
    assert_eq!(
        log.entries(),
        [
            "post 0",
            "feed 1",
            "bsky 2",
            "rest 3",
            "rest 4",
            "account account",
            "identity identity",
            "sync sync",
            "rest other",
        ]
    );
}

#[tokio::test]
async fn an_event_without_a_route_is_done_with_at_once() {
    for jobs in [1, 4] {
        let log = Log::default();
        let mut ingest = Ingest::new()
            .on("app.bsky.feed.post", log.as_ingestor("post"))
            .jobs(jobs);
        let lines = [
            commit("a", "app.bsky.feed.like", 0),
            commit("a", "app.bsky.feed.post", 1),
            other("account", 2),
        ];
        assert_eq!(run(&mut ingest, lines).await, (3, None));
        assert_eq!(log.entries(), ["post 1"]);
    }
}

#[tokio::test]
async fn one_ingestor_may_have_several_routes() {
    struct Count(Mutex<u64>);
    impl Ingestor for Count {
        async fn ingest(&self, _event: Event<'_>) -> Result<(), IngestError> {
            *self.0.lock().unwrap() += 1;
            Ok(())
        }
    }
    let count = Arc::new(Count(Mutex::default()));
    let mut ingest = Ingest::new()
        .on("app.bsky.feed.post", Arc::clone(&count))
        .on_account(Route::new(Arc::clone(&count)).retries(0));
    let lines = [post("a", 0), other("account", 1), post("a", 2)];
    assert_eq!(run(&mut ingest, lines).await, (3, None));
    assert_eq!(*count.0.lock().unwrap(), 3);
}

#[test]
fn collections_and_kinds_are_those_of_the_routes() {
    let ingestor = || |_event: OwnedEvent| async { Ok(()) };
    let of = |ingest: &Ingest| {
        let collections = ingest.collections().iter().map(ToString::to_string);
        (ingest.kinds(), collections.collect::<Vec<_>>())
    };
    let ingest = Ingest::new()
        .on("app.bsky.feed.post", ingestor())
        .on("app.bsky.graph.*", ingestor());
    let collections = vec![
        "app.bsky.feed.post".to_owned(),
        "app.bsky.graph.*".to_owned(),
    ];
    assert_eq!(of(&ingest), (vec![Kind::Commit], collections.clone()));
    let with_account = ingest.on_account(ingestor());
    let (mut kinds, asked) = of(&with_account);
    kinds.sort_by_key(|kind| kind.as_str());
    assert_eq!(
        (kinds, asked),
        (vec![Kind::Account, Kind::Commit], collections)
    );
    let all = with_account.otherwise(ingestor());
    assert_eq!(of(&all), (vec![], vec![]));
    let accounts = Ingest::new().on_account(ingestor());
    assert_eq!(of(&accounts), (vec![Kind::Account], vec![]));
}

#[tokio::test]
async fn a_route_that_cannot_be_is_refused_at_the_beginning() {
    let ingestor = || |_event: OwnedEvent| async { Ok(()) };
    let cases = [
        (
            Ingest::new()
                .on("posts", ingestor())
                .on("likes", ingestor()),
            "an ingestor has no usable route: 'posts' is not a collection",
        ),
        (
            Ingest::new()
                .on("app.bsky.feed.post", ingestor())
                .on("app.bsky.feed.post", ingestor()),
            "two ingestors have the route 'app.bsky.feed.post'",
        ),
        (
            Ingest::new()
                .on("app.bsky.*", ingestor())
                .on("app.bsky.*", ingestor()),
            "two ingestors have the route 'app.bsky.*'",
        ),
        (
            Ingest::new().on_sync(ingestor()).on_sync(ingestor()),
            "two ingestors have the route 'sync'",
        ),
        (
            Ingest::new().otherwise(ingestor()).otherwise(ingestor()),
            "two ingestors have the route 'otherwise'",
        ),
    ];
    for (mut ingest, expected) in cases {
        let (accepted, told) = run(&mut ingest, [post("a", 0)]).await;
        let told = told.unwrap_or_default();
        assert!(told.starts_with(expected), "{told}");
        assert_eq!(accepted, 0);
    }
    let mut ingest = Ingest::new().on("posts", ingestor());
    let error = ingest.begin(&[], &SinkContext::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}
