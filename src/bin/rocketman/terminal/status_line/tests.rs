use super::*;

fn at(rate: f64) -> Pace {
    Pace {
        rate,
        catch_up: None,
    }
}

#[test]
fn the_line_tells_rate_total_lag_host_and_reconnects() {
    let stats = Stats::default();
    let line = |pace| describe(&stats, Some(pace), &Names::default());
    assert_eq!(line(at(0.0)), "connecting");
    stats.set_host("wss://a.example/subscribe");
    assert_eq!(
        line(at(0.0)),
        "not connected, trying again  0 delivered  wss://a.example/subscribe"
    );
    stats.set_connected(true);
    stats.add_accepted(12_345);
    assert_eq!(
        line(at(0.0)),
        "0/s read  12,345 delivered  no event yet  wss://a.example/subscribe"
    );
    stats.add_connects(3);
    stats.set_early_us(TimeUs::now().0 - 3_600_000_000);
    assert_eq!(
        line(at(23_900.4)),
        "23,900/s read  12,345 delivered  not yet at the beginning, 60 min behind  wss://a.example/subscribe  2 reconnects"
    );
    stats.set_quiet(true);
    assert_eq!(
        line(at(0.0)),
        "0/s read  12,345 delivered  quiet  wss://a.example/subscribe  2 reconnects"
    );
}

#[test]
fn both_ends_are_called_as_they_were_typed() {
    let stats = Stats::default();
    stats.set_host("ws://127.0.0.1:33233/subscribe");
    stats.set_connected(true);
    let names = Names {
        source: Some("demo:".to_owned()),
        output: Some("'graph.ndjson'".to_owned()),
        has_end: false,
    };
    assert_eq!(
        describe(&stats, Some(at(300.0)), &names),
        "300/s read  0 delivered to 'graph.ndjson'  no event yet  demo:"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_line_an_end_is_told_of_every_thirty_seconds() {
    let line = StatusLine {
        console: Console::start(false, left_out_text),
        is_shown: false,
    };
    let due_within = async |has_end: bool| {
        let names = Names {
            has_end,
            ..Names::default()
        };
        let mut ticker = Ticker::new(&line, names);
        tokio::time::timeout(Duration::from_secs(100), ticker.due())
            .await
            .is_ok()
    };
    let began = Instant::now();
    assert!(due_within(true).await);
    assert_eq!(began.elapsed().as_secs(), 30);
    assert!(!due_within(false).await, "a stream wakes nobody");
}

#[test]
fn catching_up_has_an_end_where_the_lag_falls() {
    let start = Instant::now();
    let sample = |seconds, lag| Sample {
        at: start + Duration::from_secs(seconds),
        messages: 1000 * seconds,
        lag: Some(Duration::from_secs(lag)),
    };
    let pace = |lag| sample(0, 3600).pace_until(&sample(2, lag));
    // 20 s are gained in 2 s.
    assert_eq!(pace(3580).catch_up, Some(Duration::from_secs(358)));
    assert!((pace(3580).rate - 1000.0).abs() < 0.1);
    assert_eq!(pace(3600).catch_up, None);
    assert_eq!(pace(3602).catch_up, None);
    assert_eq!(pace(29).catch_up, None);
}

#[test]
fn ages_have_the_unit_that_fits() {
    let shown =
        [0, 11, 119, 120, 7199, 7200, 400_000].map(|seconds| short(Duration::from_secs(seconds)));
    assert_eq!(
        shown,
        ["0.0 s", "11 s", "119 s", "2 min", "119 min", "2 h", "4 d"]
    );
}
