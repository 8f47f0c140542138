//! Faults of the server itself, the same for all its consumers.

use serde_json::Value;

use super::{
    v2::{frame, numbers, refused},
    world::{World, time_of},
};
use crate::serve::*;

#[tokio::test]
async fn what_is_before_all_by_a_fault_is_so_on_both_wires() {
    let schedule = Schedule::Timed {
        first_us: time_of(200),
        speed: 0.01,
    };
    let faults = Faults::parse(&["too-old", "outdated"]).unwrap();
    let settings = ServerSettings {
        faults,
        ..ServerSettings::default()
    };
    let world = World::with(schedule, settings).await;
    assert_eq!(
        refused(&world, "cursor=150").await.1["error"],
        "CursorTooOld"
    );
    let by_time = format!("cursor={}", time_of(150));
    let mut client = world.connect_v2(&by_time, &[]).await.unwrap();
    let info = frame(&mut client).await;
    assert_eq!(info["payload"]["name"], "OutdatedCursor");
    assert!(numbers(&mut client, 1).await[0] > 200);
    for cursor in ["cursor=150", &by_time] {
        let first = world.connect(cursor).await.numbers(1).await;
        assert!(first[0] >= 200, "{first:?}");
    }
}

#[tokio::test]
async fn a_kill_gives_numbers_to_other_events_for_all_consumers() {
    let schedule = Schedule::Timed {
        first_us: time_of(100),
        speed: 1.0,
    };
    let settings = ServerSettings {
        faults: Faults::parse(&["renumber@200"]).unwrap(),
        ..ServerSettings::default()
    };
    let world = World::with(schedule, settings).await;
    let mut clients = [
        world.connect_v2("cursor=1", &[]).await.unwrap(),
        world.connect_v2("cursor=150", &[]).await.unwrap(),
    ];
    let mut last = 0;
    for client in &mut clients {
        while let Some(Ok(message)) = client.message().await {
            let frame: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
            let (seq, event) = (&frame["payload"]["seq"], &frame["payload"]["rkey"]);
            let (seq, event) = (seq.as_u64().unwrap(), event.as_str().unwrap());
            let event: u64 = event.parse().unwrap();
            let ahead = if event + 1 > 160 { 20 } else { 0 };
            assert_eq!(seq, event + 1 + ahead);
            last = last.max(seq);
        }
    }
    assert_eq!(last, 220);
    // Event 200 was 220, and was sent; now it is 200, and later than it was.
    let mut client = world.connect_v2("cursor=161", &[]).await.unwrap();
    let killed = "2026-09-21T14:13:20.199000Z";
    for expected in 161..=200_u64 {
        let payload = &frame(&mut client).await["payload"];
        assert_eq!(
            (&payload["seq"], &payload["time"]),
            (&expected.into(), &killed.into())
        );
        assert_eq!(payload["rkey"], (expected - 1).to_string());
    }
    assert_eq!(numbers(&mut client, 50).await[49], 250);
    // By time all of them come again.
    for (cursor, first) in [
        (time_of(199), 161),
        (time_of(158), 159),
        (time_of(200), 201),
    ] {
        let query = format!("cursor={cursor}");
        let mut client = world.connect_v2(&query, &[]).await.unwrap();
        assert_eq!(numbers(&mut client, 1).await, [first], "{query}");
    }
}
