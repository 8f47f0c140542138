//! The names under which a run is counted. Users find them in docs/operation.md.

use metrics::{describe_counter, describe_gauge};

/// Messages read from the source, whether they were events or not.
pub(crate) const MESSAGES: &str = "rocketman_messages_total";
/// New events, wanted or not; labels `kind` and, for commits, `operation`.
pub(crate) const EVENTS: &str = "rocketman_events_total";
/// Events that passed the filter.
pub(crate) const KEPT: &str = "rocketman_events_kept_total";
/// Events that the sink has accepted.
pub(crate) const ACCEPTED: &str = "rocketman_events_accepted_total";
/// Bytes received, compressed as they came, TLS not counted; of segment files, bytes read.
pub(crate) const WIRE_BYTES: &str = "rocketman_wire_bytes_total";
/// Bytes of events, inflated.
pub(crate) const EVENT_BYTES: &str = "rocketman_event_bytes_total";
/// Events that came again at a seam; label `outcome`: `dropped`, or `let_through` where they may
/// have come again and nothing could tell.
pub(crate) const REPEATS: &str = "rocketman_repeats_total";
/// Events before the asked position, which a server sent all the same, and which were dropped.
pub(crate) const EARLY: &str = "rocketman_early_events_total";
/// Events that were left out for nothing but their size.
pub(crate) const OVERSIZED: &str = "rocketman_oversized_events_total";
/// Values that their column of a table could not hold, and that are null there.
pub(crate) const UNFIT: &str = "rocketman_unfit_values_total";
/// Times at which a server no longer had what was asked for.
pub(crate) const GAPS: &str = "rocketman_gaps_total";
/// Messages that were no events; label `class`.
pub(crate) const BAD: &str = "rocketman_bad_events_total";
/// Connections that were established; one that is only opened anew to ask otherwise is no other.
pub(crate) const CONNECTS: &str = "rocketman_connects_total";
/// Connections that were lost and tries that failed; label `cause`.
pub(crate) const RECONNECTS: &str = "rocketman_reconnects_total";
/// Saves of the cursor that were made.
pub(crate) const CURSOR_SAVES: &str = "rocketman_cursor_saves_total";
/// Saves of the cursor that failed.
pub(crate) const CURSOR_SAVE_FAILURES: &str = "rocketman_cursor_save_failures_total";
/// Deliveries that failed, and were tried again or not.
pub(crate) const DELIVERY_FAILURES: &str = "rocketman_delivery_failures_total";
/// Events that were skipped or kept as dead letters because they could not be delivered.
pub(crate) const GIVEN_UP: &str = "rocketman_events_given_up_total";
/// Events that went to the file that collections share which have none of their own.
pub(crate) const IN_OTHERS: &str = "rocketman_events_in_shared_file_total";
/// Messages of a durable consumer that could not be delivered, by `outcome`: `kept` each time that
/// one is given back, `skipped`, `dead_lettered`.
pub(crate) const UNDELIVERABLE: &str = "rocketman_undeliverable_messages_total";
/// How often the sink had to be waited for.
pub(crate) const SINK_WAITS: &str = "rocketman_sink_waits_total";
/// How long the sink was waited for, in all; the facade's counters are whole numbers.
pub(crate) const SINK_WAIT_MICROS: &str = "rocketman_sink_wait_microseconds_total";
/// 1 while a connection stands, 0 otherwise.
pub(crate) const CONNECTED: &str = "rocketman_connected";
/// The server's time of the newest event, in seconds since 1970.
pub(crate) const LAST_EVENT: &str = "rocketman_last_event_timestamp_seconds";
/// The server's number of the newest event, where it counts.
pub(crate) const SEQ: &str = "rocketman_last_event_seq";
/// The time of the saved cursor, in seconds since 1970.
pub(crate) const CURSOR: &str = "rocketman_cursor_timestamp_seconds";
/// How far behind the stream is read by the server's clock, as of the latest
/// [`Stats::refresh`](crate::Stats::refresh).
pub(crate) const LAG: &str = "rocketman_lag_seconds";

/// The counters, and what each means.
const COUNTERS: &[(&str, &str)] = &[
    (
        MESSAGES,
        "Messages read from the source, whether they were events or not.",
    ),
    (EVENTS, "New events, wanted or not."),
    (KEPT, "Events that passed the filter."),
    (ACCEPTED, "Events that the sink has accepted."),
    (
        WIRE_BYTES,
        "Bytes received, compressed as they came, TLS not counted; of segment files, bytes read.",
    ),
    (EVENT_BYTES, "Bytes of events, inflated."),
    (
        REPEATS,
        "Events that came again at a seam: dropped, or let through where nothing could tell.",
    ),
    (
        EARLY,
        "Events before the asked position, which were dropped.",
    ),
    (
        OVERSIZED,
        "Events that were left out for nothing but their size.",
    ),
    (
        UNFIT,
        "Values that their column of a table could not hold, and that are null there.",
    ),
    (
        GAPS,
        "Times at which a server no longer had what was asked for.",
    ),
    (BAD, "Messages that were no events."),
    (CONNECTS, "Connections that were established."),
    (
        RECONNECTS,
        "Connections that were lost and tries that failed.",
    ),
    (
        DELIVERY_FAILURES,
        "Deliveries that failed, and were tried again or not.",
    ),
    (
        GIVEN_UP,
        "Events that were skipped or kept as dead letters.",
    ),
    (
        IN_OTHERS,
        "Events of collections that have no file of their own.",
    ),
    (
        UNDELIVERABLE,
        "Messages of a durable consumer that could not be delivered.",
    ),
    (SINK_WAITS, "How often the sink had to be waited for."),
    (
        SINK_WAIT_MICROS,
        "How long the sink was waited for, in all.",
    ),
    (CURSOR_SAVES, "Saves of the cursor that were made."),
    (CURSOR_SAVE_FAILURES, "Saves of the cursor that failed."),
];

/// The gauges, and what each means.
const GAUGES: &[(&str, &str)] = &[
    (CONNECTED, "1 while a connection stands, 0 otherwise."),
    (
        LAST_EVENT,
        "The server's time of the newest event, in seconds since 1970.",
    ),
    (
        SEQ,
        "The server's number of the newest event, where it counts.",
    ),
    (
        CURSOR,
        "The time of the saved cursor, in seconds since 1970.",
    ),
    (
        LAG,
        "How old the newest event is by the server's clock, in seconds.",
    ),
];

/// Tells the recorder what each name means.
pub(crate) fn describe() {
    for (name, text) in COUNTERS {
        describe_counter!(*name, *text);
    }
    for (name, text) in GAUGES {
        describe_gauge!(*name, *text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_find_every_name_with_its_meaning() {
        let page = include_str!("../../docs/operation.md");
        for (name, text) in COUNTERS.iter().chain(GAUGES) {
            let text = text.trim_end_matches('.');
            let row = format!("| `{name}` | {text}");
            assert!(page.contains(&row), "docs/operation.md has no row {row}");
        }
    }

    #[test]
    fn dashboard_and_alerts_name_what_there_is() {
        let files = [
            include_str!("../../docs/monitoring/dashboard.json"),
            include_str!("../../docs/monitoring/alerts.yml"),
        ];
        let all: Vec<_> = COUNTERS
            .iter()
            .chain(GAUGES)
            .map(|(name, _)| *name)
            .collect();
        for file in files {
            let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
            let words = file.split(|c| !is_part(c));
            let named: Vec<_> = words
                .filter(|word| word.starts_with("rocketman_"))
                .collect();
            assert!(named.len() > 10, "{named:?}");
            for name in named {
                assert!(all.contains(&name), "there is no metric {name}");
            }
        }
    }
}
