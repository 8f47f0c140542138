//! What is said at the end of a run.

use indicatif::HumanCount;
use tracing::info;

use crate::{settings::TimeUs, signals::StopSignal, terminal::progress};
use rocketman::{Ended, PipelineSettings, Stats, Summary};

/// The last line on stderr.
pub(super) fn log_end(
    summary: &Summary,
    stats: &Stats,
    asked: Option<StopSignal>,
    has_cursor: bool,
) {
    let Summary {
        ended,
        accepted,
        position: _,
        highest_us,
    } = summary;
    let why = why(*ended, asked);
    let until = highest_us.map_or(String::new(), |highest_us| {
        let saved = if has_cursor {
            "cursor saved at"
        } else {
            "read up to"
        };
        format!(", {saved} {}", TimeUs(highest_us))
    });
    let read = stats.progress().map_or(String::new(), |progress| {
        format!(", {}", progress::share(&progress, stats.wire_bytes()))
    });
    let text = format!(
        "{why}: {}{until}{read}{}",
        counted(*accepted, ["event delivered", "events delivered"]),
        exceptions(stats)
    );
    // A reader that leaves is the most ordinary end of a pipe, and not worth a word.
    if *ended == Ended::OutputClosed && asked.is_none() {
        info!("{text}");
    } else {
        info!(target: PipelineSettings::STATE_TARGET, accepted, ?ended, "{text}");
    }
}

/// Why the run is over, in words.
fn why(ended: Ended, asked: Option<StopSignal>) -> String {
    match (ended, asked) {
        (Ended::Stopped, Some(signal)) => format!("stopped by {}", signal.name()),
        (Ended::Stopped, None) => "stopped".to_owned(),
        (Ended::Count, _) => "the count is reached".to_owned(),
        (Ended::Duration, _) => "--duration is reached".to_owned(),
        (Ended::Until, _) => "--until is reached".to_owned(),
        (Ended::End, _) => "the end is reached".to_owned(),
        (Ended::EndAssumed, _) => "the end is assumed, as nothing more came".to_owned(),
        (Ended::OutputClosed, _) => "stdout was closed by its reader".to_owned(),
        _ => "the run has ended".to_owned(),
    }
}

/// How often something was out of the ordinary, as it follows the number of events.
fn exceptions(stats: &Stats) -> String {
    let counts = [
        (
            stats.connects().saturating_sub(1),
            ["reconnect", "reconnects"],
        ),
        (stats.repeats(), ["repeat dropped", "repeats dropped"]),
        (
            stats.repeats_let_through(),
            [
                "possible repeat let through",
                "possible repeats let through",
            ],
        ),
        (
            stats.early(),
            ["earlier event dropped", "earlier events dropped"],
        ),
        (
            stats.oversized(),
            [
                "event above --max-message-size left out",
                "events above --max-message-size left out",
            ],
        ),
        (stats.given_up(), ["event given up", "events given up"]),
        (
            stats.in_others(),
            ["event in the shared file", "events in the shared file"],
        ),
        (
            stats.undelivered_kept(),
            [
                "time an undeliverable message was given back",
                "times an undeliverable message was given back",
            ],
        ),
        (
            stats.undelivered_skipped(),
            [
                "undeliverable message terminated",
                "undeliverable messages terminated",
            ],
        ),
        (
            stats.undelivered_dead_lettered(),
            [
                "undeliverable message kept as a dead letter",
                "undeliverable messages kept as dead letters",
            ],
        ),
        (stats.gaps(), ["gap", "gaps"]),
        (
            stats.bad(),
            ["malformed message skipped", "malformed messages skipped"],
        ),
    ];
    let more = counts.iter().filter(|(n, _)| *n > 0);
    let more: Vec<_> = more
        .map(|(n, what)| format!(", {}", counted(*n, *what)))
        .collect();
    more.concat()
}

/// `1 event`, `1,240 events`.
fn counted(n: u64, [one, many]: [&str; 2]) -> String {
    format!("{} {}", HumanCount(n), if n == 1 { one } else { many })
}
