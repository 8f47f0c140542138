//! The answers of servers, for scripts: one object a line, with keys that stay.

use std::time::Duration;

use serde::Serialize;

use rocketman::{
    Shown,
    source::jetstream::{ProbeError, ProbeReport, WireCompression},
};

/// One line. The keys are explained in the help.
#[derive(Serialize)]
struct Line {
    source: String,
    usable: bool,
    error: Option<String>,
    http_status: Option<u16>,
    connect_ms: Option<f64>,
    upgrade_ms: Option<f64>,
    ping_ms: Option<f64>,
    clock_ahead_ms: Option<i64>,
    sends_cursor: Option<bool>,
    v2: Option<bool>,
    v2_dictionary: Option<u32>,
    newest_time_us: Option<u64>,
    behind_ms: Option<f64>,
    oldest_time_us: Option<u64>,
    window_ms: Option<f64>,
    compressed: Option<bool>,
    compression_ratio: Option<f64>,
}

/// A line for each server.
pub(crate) fn json_lines(reports: &[ProbeReport]) -> String {
    reports
        .iter()
        .map(|report| {
            let line = serde_json::to_string(&Line::new(report));
            line.expect("plain data is always JSON") + "\n"
        })
        .collect()
}

impl Line {
    fn new(report: &ProbeReport) -> Self {
        Self {
            source: report.endpoint.to_string(),
            usable: report.error.is_none(),
            error: report
                .error
                .as_ref()
                .map(|error| Shown::error(error).to_string()),
            http_status: match report.error {
                Some(ProbeError::Status { status, .. }) => Some(status),
                _ => None,
            },
            connect_ms: report.connect.map(milliseconds),
            upgrade_ms: report.upgrade.map(milliseconds),
            ping_ms: report.ping.map(milliseconds),
            clock_ahead_ms: report.clock_ahead_us.map(|ahead_us| ahead_us / 1000),
            sends_cursor: report.sends_cursor,
            v2: report.has_v2,
            v2_dictionary: report.dictionary,
            newest_time_us: report.newest_time_us,
            behind_ms: report.behind.map(milliseconds),
            oldest_time_us: report.oldest_time_us,
            window_ms: report.window.map(milliseconds),
            compressed: report
                .compression
                .map(|compression| compression != WireCompression::Plain),
            compression_ratio: report
                .compression
                .and_then(WireCompression::ratio)
                .map(|ratio| (ratio * 100.0).round() / 100.0),
        }
    }
}

/// To the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
