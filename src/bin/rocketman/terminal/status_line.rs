//! The one live status line on stderr, and the door through which everything else gets to stderr
//! without tearing it.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::HumanCount;
use rustix::fs::{FileType, fstat};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::{
    args::{GlobalArgs, LogFormat, When},
    terminal::stderr::Console,
};
use rocketman::{Stats, event::TimeUs};

/// How often the line is redrawn.
const DRAW_INTERVAL: Duration = Duration::from_millis(250);

/// The rate is that of the time since this many drawings ago, at the most.
const MAX_SAMPLES: usize = 8;

/// The status line; a clone is the same line. Hidden, it passes everything through.
#[derive(Debug, Clone)]
pub(crate) struct StatusLine {
    console: Console,
    is_shown: bool,
}

impl StatusLine {
    /// Shown when it is wanted and can be.
    pub(crate) fn new(args: &GlobalArgs, events_to_stdout: bool) -> Self {
        let GlobalArgs {
            quiet,
            verbose,
            log_format,
            progress,
            color: _,
        } = args;
        let is_shown = match progress {
            When::Always => io::stderr().is_terminal(),
            When::Never => false,
            When::Auto => {
                // Whatever reads a pipe most often writes to this terminal too.
                let is_torn_by_events = events_to_stdout && !is_file_or_nothing();
                io::stderr().is_terminal()
                    && !is_torn_by_events
                    && !quiet
                    && *verbose == 0
                    && *log_format == LogFormat::Text
            }
        };
        let note = match log_format {
            LogFormat::Text => left_out_text,
            LogFormat::Json => left_out_json,
        };
        Self {
            console: Console::start(is_shown, note),
            is_shown,
        }
    }

    /// Draws this text.
    pub(crate) fn show(&self, text: String) {
        self.console.status(text);
    }

    /// Writes a message, whole lines with their ends, past the status line.
    pub(crate) fn print(&self, message: &[u8]) {
        self.console.message(message);
    }

    /// Takes the line away for good, and sees to it that all messages so far are written.
    pub(crate) fn clear(&self) {
        self.console.clear();
    }
}

fn left_out_text(n: u64) -> String {
    format!("rocketman: warning: {n} log messages dropped: stderr was blocked\n")
}

fn left_out_json(n: u64) -> String {
    format!(
        "{{\"level\":\"WARN\",\"message\":\"log messages dropped: stderr was blocked\",\"left_out\":{n}}}\n"
    )
}

/// Whether stdout is a file, or a device that is no terminal, such as /dev/null.
fn is_file_or_nothing() -> bool {
    let kind = fstat(rustix::stdio::stdout()).map(|stat| FileType::from_raw_mode(stat.st_mode));
    match kind {
        Ok(FileType::RegularFile) => true,
        Ok(FileType::CharacterDevice) => !io::stdout().is_terminal(),
        _ => false,
    }
}

/// Keeps the line up to date.
#[derive(Debug)]
pub(crate) struct Ticker {
    line: StatusLine,
    interval: Interval,
    /// When, and how many events by then.
    recent: Vec<(Instant, u64)>,
}

impl Ticker {
    pub(crate) fn new(line: &StatusLine) -> Self {
        let mut interval = interval(DRAW_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            line: line.clone(),
            interval,
            recent: Vec::new(),
        }
    }

    /// Waits until the line is due; for ever while it is hidden.
    ///
    /// Cancel safety: at worst the line is drawn a little later.
    pub(crate) async fn due(&mut self) {
        if !self.line.is_shown {
            std::future::pending::<()>().await;
        }
        self.interval.tick().await;
    }

    /// Draws the line.
    pub(crate) fn show(&mut self, stats: &Stats) {
        let now = Instant::now();
        if self.recent.len() > MAX_SAMPLES {
            self.recent.remove(0);
        }
        let rate = self.recent.first().map_or(0.0, |(then, received)| {
            let events = stats.messages().saturating_sub(*received);
            f64::from(u32::try_from(events).unwrap_or(u32::MAX))
                / (now - *then).as_secs_f64().max(0.001)
        });
        self.recent.push((now, stats.messages()));
        let status = describe(stats, Some(rate), stats.lag());
        self.line.console.status(status);
    }
}

/// How things are, in one line.
pub(crate) fn describe(stats: &Stats, rate: Option<f64>, lag: Option<Duration>) -> String {
    let host = stats.host();
    if host.is_empty() {
        return "connecting".to_owned();
    }
    if !stats.is_connected() {
        let delivered = HumanCount(stats.accepted());
        return format!("not connected, trying again  {delivered} delivered  {host}");
    }
    let behind = match (stats.early_lag(), lag) {
        _ if stats.is_quiet() => "quiet".to_owned(),
        (Some(lag), _) => format!("not yet at the beginning, {} behind", short(lag)),
        (None, Some(lag)) => format!("{} behind", short(lag)),
        (None, None) => "no event yet".to_owned(),
    };
    let reconnects = match stats.connects() {
        0 | 1 => String::new(),
        2 => "  1 reconnect".to_owned(),
        connects => format!("  {} reconnects", connects - 1),
    };
    let rate = rate.map_or(String::new(), |rate| format!("{rate:.0}/s read  "));
    format!(
        "{rate}{} delivered  {behind}  {host}{reconnects}",
        HumanCount(stats.accepted())
    )
}

/// How long ago a time is, by the local clock.
pub(crate) fn ago(time_us: u64) -> String {
    let now_us = TimeUs::now().0;
    let distance = short(Duration::from_micros(now_us.abs_diff(time_us)));
    if time_us > now_us {
        format!("in {distance}")
    } else {
        format!("{distance} ago")
    }
}

/// A duration to two significant parts.
pub(crate) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Messages on their way to stderr: each whole, with the status line out of the way.
impl Write for StatusLine {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        self.print(message);
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_rate_total_lag_host_and_reconnects() {
        let stats = Stats::default();
        assert_eq!(describe(&stats, Some(0.0), None), "connecting");
        stats.set_host("wss://a.example/subscribe");
        assert_eq!(
            describe(&stats, Some(0.0), None),
            "not connected, trying again  0 delivered  wss://a.example/subscribe"
        );
        stats.set_connected(true);
        stats.add_accepted(12_345);
        assert_eq!(
            describe(&stats, Some(0.0), None),
            "0/s read  12,345 delivered  no event yet  wss://a.example/subscribe"
        );
        stats.add_connects(3);
        let line = describe(&stats, Some(312.4), Some(Duration::from_millis(1200)));
        assert_eq!(
            line,
            "312/s read  12,345 delivered  1.2 s behind  wss://a.example/subscribe  2 reconnects"
        );
        stats.set_early_us(TimeUs::now().0 - 3_600_000_000);
        let line = describe(&stats, Some(900.0), None);
        assert_eq!(
            line,
            "900/s read  12,345 delivered  not yet at the beginning, 60 min behind  wss://a.example/subscribe  2 reconnects"
        );
        stats.set_quiet(true);
        let line = describe(&stats, Some(0.0), Some(Duration::from_secs(90)));
        assert_eq!(
            line,
            "0/s read  12,345 delivered  quiet  wss://a.example/subscribe  2 reconnects"
        );
    }

    #[test]
    fn ages_have_the_unit_that_fits() {
        let shown = [0, 11, 119, 120, 7199, 7200, 400_000]
            .map(|seconds| short(Duration::from_secs(seconds)));
        assert_eq!(
            shown,
            ["0.0 s", "11 s", "119 s", "2 min", "119 min", "2 h", "4 d"]
        );
    }
}
