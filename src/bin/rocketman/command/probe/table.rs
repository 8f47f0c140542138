//! The answers of servers, for people: a row for each, aligned, within 100 columns.

use std::{error::Error, time::Duration};

use crate::terminal::status_line::short;
use rocketman::{
    Shown,
    source::jetstream::{ProbeError, ProbeReport},
};

/// The columns after the first, and how wide they are at least.
const COLUMNS: [(&str, usize); 8] = [
    ("CONNECT", 7),
    ("UPGRADE", 7),
    ("PING", 7),
    ("BEHIND", 7),
    ("SERVER", 6),
    ("V2", 3),
    ("WINDOW", 7),
    ("ZSTD", 4),
];

/// A table is at most so wide, unless an address is very long.
const MAX_WIDTH: usize = 100;

/// An address that is longer than this makes its own row longer, and no other.
const MAX_SOURCE_CHARS: usize = 36;

/// How much of a reason is shown at least, also after a long address.
const MIN_REASON_CHARS: usize = 40;

/// What stands where a server did not answer.
const UNKNOWN: &str = "?";

/// A line for the heads of the columns, and one for each server.
pub(crate) fn table(reports: &[ProbeReport]) -> String {
    let sources: Vec<_> = reports
        .iter()
        .map(|report| report.endpoint.shortest())
        .collect();
    let widest = sources.iter().map(String::len).max().unwrap_or_default();
    let width = widest.clamp("SOURCE".len(), MAX_SOURCE_CHARS);
    let heads = row("SOURCE", width, &COLUMNS.map(|(head, _)| head.to_owned()));
    let rows = sources
        .iter()
        .zip(reports)
        .map(|(source, report)| match &report.error {
            None => row(source, width, &cells(report)),
            Some(error) => {
                let begun = format!("{source:width$}  ");
                let room = MAX_WIDTH.saturating_sub(begun.len()).max(MIN_REASON_CHARS);
                begun + &reason(error, room) + "\n"
            }
        });
    std::iter::once(heads).chain(rows).collect()
}

fn row(source: &str, width: usize, cells: &[String; COLUMNS.len()]) -> String {
    let cells = cells.iter().zip(COLUMNS);
    let aligned: Vec<_> = cells
        .map(|(cell, (_, width))| format!("{cell:>width$}"))
        .collect();
    format!("{source:width$}  {}\n", aligned.join("  "))
}

fn cells(report: &ProbeReport) -> [String; COLUMNS.len()] {
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.to_owned());
    let server = match (report.sends_cursor, report.has_v2) {
        (Some(true), _) | (None, Some(true)) => "new",
        (Some(false), _) => "legacy",
        (None, _) => UNKNOWN,
    };
    let v2 = match report.has_v2 {
        Some(true) => "yes",
        Some(false) => "no",
        None => UNKNOWN,
    };
    let window = report.window.map(|window| match window {
        Duration::ZERO => "none".to_owned(),
        window => short(window),
    });
    let zstd = report
        .compression
        .map(|compression| match compression.ratio() {
            Some(ratio) => format!("{ratio:.1}x"),
            None => "no".to_owned(),
        });
    [
        or_unknown(report.connect.map(latency)),
        or_unknown(report.upgrade.map(latency)),
        or_unknown(report.ping.map(latency)),
        report.behind.map_or_else(|| "quiet".to_owned(), short),
        server.to_owned(),
        v2.to_owned(),
        or_unknown(window),
        or_unknown(zstd),
    ]
}

/// A short time to two or three digits.
fn latency(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    match ms {
        ..9.95 => format!("{ms:.1} ms"),
        ..999.5 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1000.0),
    }
}

/// Why a server cannot be used, in at most `room` characters.
fn reason(error: &ProbeError, room: usize) -> String {
    let whole = Shown::error(error).to_string();
    if whole.chars().count() <= room {
        return whole;
    }
    // What failed, and the root of it, say more than what is in between.
    let brief = match (error.source(), whole.rsplit_once(": ")) {
        (Some(_), Some((_, root))) => format!("{}: {root}", Shown::text(&error.to_string())),
        _ => whole,
    };
    shortened(&brief, room)
}

/// The text in at most `width` characters, the last of them `…` when it was longer.
fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let head: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rocketman::{
        event::BadEvent,
        source::jetstream::{Endpoint, WireCompression},
    };

    fn report(source: &str, error: Option<ProbeError>) -> ProbeReport {
        let mut report = ProbeReport::new(Endpoint::parse(source).unwrap());
        report.error = error;
        report
    }

    fn refused(status: u16, body: &str) -> ProbeError {
        ProbeError::Status {
            status,
            body: body.to_owned(),
            location: None,
        }
    }

    #[test]
    fn the_table_in_the_guide_is_how_it_looks() {
        let ms = |ms: f64| Some(Duration::from_secs_f64(ms / 1000.0));
        let mut good = report("one.example", None);
        good.sends_cursor = Some(true);
        good.has_v2 = Some(true);
        good.behind = ms(110.0);
        good.window = Some(Duration::from_secs(37 * 3600));
        good.compression = Some(WireCompression::Zstd {
            wire_bytes: 1000,
            event_bytes: 2130,
        });
        let mut old = report("localhost:6008", None);
        old.sends_cursor = Some(false);
        old.has_v2 = Some(false);
        old.behind = ms(143_000.0);
        old.window = Some(Duration::ZERO);
        old.compression = Some(WireCompression::Plain);
        let mut quiet = report("quiet.example", None);
        quiet.has_v2 = Some(false);
        for (report, [connect, upgrade, ping]) in [
            (&mut good, [96.2, 47.6, 46.9]),
            (&mut old, [8.04, 2.31, 1.2]),
            (&mut quiet, [1204.0, 310.0, 305.0]),
        ] {
            report.connect = ms(connect);
            report.upgrade = ms(upgrade);
            report.ping = ms(ping);
        }
        let unknown = std::io::Error::other("Name or service not known");
        let gone = report("gone.example", Some(ProbeError::Lookup(unknown)));
        let busy = report("busy.example", Some(refused(503, "service not ready")));
        let reports = [good, old, quiet, gone, busy];
        let table = table(&reports);
        let guide = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide.md"));
        assert!(
            guide.contains(&table),
            "docs/guide.md does not show:\n{table}"
        );
    }

    #[test]
    fn a_long_address_or_reason_keeps_the_others_within_100_columns() {
        let long = format!("wss://{}.example/other", "x".repeat(60));
        let reports = [
            report("a.example", Some(refused(400, &"reason ".repeat(50)))),
            report(&long, Some(refused(500, &"reason ".repeat(50)))),
            report("b.example", None),
        ];
        let table = table(&reports);
        let rows: Vec<_> = table.lines().collect();
        let widths: Vec<_> = rows.iter().map(|row| row.chars().count()).collect();
        let [heads, cut, longer, usable] = widths[..] else {
            panic!("{table}")
        };
        assert_eq!((heads, usable), (MAX_WIDTH, MAX_WIDTH), "{table}");
        assert!(cut <= MAX_WIDTH && rows[1].ends_with('…'), "{table}");
        assert!(
            longer > MAX_WIDTH && rows[2].contains("HTTP 500: reason"),
            "{table}"
        );
    }

    #[test]
    fn a_long_reason_keeps_its_root_and_is_escaped() {
        let root = std::io::Error::other("failed to look up: No \u{1b}[31msuch\u{202e} name");
        let error = ProbeError::Lookup(root);
        assert_eq!(
            reason(&error, 100),
            r"cannot look up the name: failed to look up: No \u{1b}[31msuch\u{202e} name"
        );
        assert_eq!(
            reason(&error, 70),
            r"cannot look up the name: No \u{1b}[31msuch\u{202e} name"
        );
        assert_eq!(reason(&error, 20), "cannot look up the…");
        let error = ProbeError::NoEvent(BadEvent::WrongDictionary);
        let whole = "what it sends is no event: it was compressed with another dictionary";
        assert_eq!(reason(&error, 100), whole);
    }

    #[test]
    fn short_times_have_two_or_three_digits() {
        let shown = [0.04, 0.4, 9.94, 9.96, 99.6, 999.4, 999.6, 12_345.0]
            .map(|ms: f64| latency(Duration::from_secs_f64(ms / 1000.0)));
        assert_eq!(
            shown,
            [
                "0.0 ms", "0.4 ms", "9.9 ms", "10 ms", "100 ms", "999 ms", "1.0 s", "12.3 s"
            ]
        );
    }
}
