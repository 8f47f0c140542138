//! What is written of a place in the stream, and read again.

use super::*;

/// The last time that RFC 3339 can show in every time zone: the end of 9999, less a day and two
/// hours.
const LAST_TIME_US: u64 = 253_402_207_200_000_000;

fn origin() -> impl Strategy<Value = Origin> {
    let parts = (
        any::<String>(),
        any::<String>(),
        option::of(any::<String>()),
    );
    parts.prop_map(|(source, host, instance)| Origin {
        source: source.into(),
        host,
        instance,
    })
}

fn file() -> impl Strategy<Value = FileMark> {
    let path = vec(any::<u8>(), 0..20);
    let numbers = any::<[u64; 4]>();
    let rest = (
        any::<bool>(),
        option::of(any::<u64>()),
        option::of(any::<u64>()),
    );
    (path, numbers, rest).prop_map(|(path, numbers, (complete, journal, recent_from))| {
        let [inode, bytes, events, latest_us] = numbers;
        FileMark {
            path: OsStr::from_bytes(&path).into(),
            inode,
            bytes,
            journal,
            complete,
            events,
            latest_us,
            recent_from,
        }
    })
}

/// What is known around a place that was reached.
fn trail() -> impl Strategy<Value = Trail> {
    let other = (origin(), point()).prop_map(|(origin, point)| Position { origin, point });
    let identities = || vec(identity(), 0..3);
    let times = any::<[u64; 5]>();
    (times, vec(other, 0..4), identities(), identities()).prop_map(
        |(times, others, known, ahead)| {
            let [
                highest_us,
                first_us,
                known_since_us,
                repeats_until_us,
                ahead_until_us,
            ] = times;
            Trail {
                highest_us,
                first_us,
                others,
                known,
                known_since_us,
                repeats_until_us,
                ahead,
                ahead_until_us,
            }
        },
    )
}

/// A place that was reached, with the filter it was reached with, or one that somebody set.
fn saved() -> impl Strategy<Value = Saved> {
    let reached = (origin(), point(), trail(), any::<String>());
    let reached = reached.prop_map(|(origin, point, trail, filter)| {
        let position = Position { origin, point };
        (Place::Reached(position), trail, Some(filter))
    });
    let time = (1..=u64::MAX, option::of(origin()))
        .prop_map(|(time_us, origin)| Place::Time { time_us, origin });
    let seq = (1..=u64::MAX, origin()).prop_map(|(seq, origin)| Place::Seq { seq, origin });
    let set = (prop_oneof![time, seq], option::of(any::<String>()));
    let set = set.prop_map(|(place, filter)| (place, Trail::default(), filter));
    let note = option::of(any::<String>());
    let saved = (prop_oneof![reached, set], vec(file(), 0..3), note);
    saved.prop_map(|((place, trail, filter), files, note)| Saved {
        place,
        trail,
        filter,
        files,
        note,
    })
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn a_position_that_is_written_is_read_as_the_same(point in point(), origin in origin()) {
        let position = Position { origin, point };
        let text = serde_json::to_string(&position).unwrap();
        prop_assert_eq!(serde_json::from_str::<Position>(&text).unwrap(), position);
    }

    #[test]
    fn a_time_that_is_shown_is_read_as_the_same(time_us in 0..=LAST_TIME_US) {
        let shown = Start::Time(time_us).to_string();
        prop_assert_eq!(Start::parse_time(&shown, SystemTime::now()), Ok(time_us), "{}", shown);
        prop_assert_eq!(Start::parse(&shown, SystemTime::now()), Ok(Start::Time(time_us)));
    }

    #[test]
    fn a_number_that_is_typed_is_sent_as_it_is(number in any::<u64>()) {
        let text = number.to_string();
        // Those are milliseconds and nanoseconds.
        prop_assume!(!matches!(text.len(), 13 | 19));
        let start = Start::parse(&text, SystemTime::now());
        prop_assert_eq!(start.map(Start::as_number), Ok(number));
    }
}

proptest! {
    // Each of them is made durable.
    #![proptest_config(cases(32))]

    #[test]
    fn a_cursor_that_is_saved_is_loaded_as_the_same(saved in vec(saved(), 1..4)) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = FileCursor::open(folder.path().join("cursor")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for saved in saved {
            let loaded = runtime.block_on(async {
                store.save(&saved).await.unwrap();
                store.load().await.unwrap()
            });
            prop_assert_eq!(loaded, Some(saved));
        }
    }
}
