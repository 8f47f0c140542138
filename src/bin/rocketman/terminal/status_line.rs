//! The one live status line on stderr, and the door through which everything else gets to stderr
//! without tearing it.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::{HumanCount, HumanFloatCount};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at};
use tracing::info;

use crate::settings::TimeUs;
use crate::{
    args::{GlobalArgs, LogFormat, When},
    platform::is_file_or_nothing,
    terminal::{
        progress::{self, Course},
        stderr::Console,
    },
};
use rocketman::{PipelineSettings, Shown, Stats};

/// How often the line is redrawn.
const DRAW_INTERVAL: Duration = Duration::from_millis(250);

/// How often it is said how far a run has come whose end is known, where no line shows it.
const SAY_INTERVAL: Duration = Duration::from_secs(30);

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
        let can_be = io::stderr().is_terminal() && can_move_cursor();
        let is_shown = match progress {
            When::Always => can_be,
            When::Never => false,
            When::Auto => {
                // Whatever reads a pipe most often writes to this terminal too.
                let is_torn_by_events = events_to_stdout && !is_file_or_nothing();
                can_be
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

/// Whether the terminal can draw over what it shows; without a word of it, it can.
fn can_move_cursor() -> bool {
    std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// Keeps the line up to date.
#[derive(Debug)]
pub(crate) struct Ticker {
    line: StatusLine,
    /// When something is due: never where nothing is.
    interval: Option<Interval>,
    course: Course,
    /// What to call the server and where events go, where that is not for the statistics to say.
    names: Names,
    recent: Vec<Sample>,
}

/// What the status line calls both ends of a run.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The source, in place of the address of a server that only this process knows.
    pub(crate) source: Option<String>,
    /// The output; none for stdout.
    pub(crate) output: Option<String>,
    /// What is read has an end that is known from the beginning on.
    pub(crate) has_end: bool,
}

/// How things were at a moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    messages: u64,
    lag: Option<Duration>,
}

impl Ticker {
    pub(crate) fn new(line: &StatusLine, names: Names) -> Self {
        let mut interval = match (line.is_shown, names.has_end) {
            (true, _) => Some(interval(DRAW_INTERVAL)),
            (false, true) => Some(interval_at(Instant::now() + SAY_INTERVAL, SAY_INTERVAL)),
            (false, false) => None,
        };
        if let Some(interval) = &mut interval {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        Self {
            line: line.clone(),
            interval,
            course: Course::default(),
            names,
            recent: Vec::new(),
        }
    }

    /// Waits until the line is due, or a message where there is no line; for ever where neither is.
    ///
    /// Cancel safety: at worst the line is drawn a little later.
    pub(crate) async fn due(&mut self) {
        match &mut self.interval {
            Some(interval) => interval.tick().await,
            None => std::future::pending().await,
        };
    }

    /// Draws the line, or says what it would show.
    pub(crate) fn show(&mut self, stats: &Stats) {
        let now = Sample {
            at: Instant::now(),
            messages: stats.messages(),
            lag: stats.early_lag().or(stats.lag()),
        };
        if self.recent.len() > MAX_SAMPLES {
            self.recent.remove(0);
        }
        let pace = self.recent.first().map(|then| then.pace_until(&now));
        self.recent.push(now);
        let mut pace = pace.unwrap_or_default();
        if let Some(progress) = stats.progress() {
            pace.catch_up = self.course.left(&progress);
        }
        let status = describe(stats, Some(pace), &self.names);
        if self.line.is_shown {
            self.line.console.status(status);
        } else if let Some(progress) = stats.progress() {
            let (number, bytes) = (progress.number, stats.wire_bytes());
            info!(target: PipelineSettings::STATE_TARGET, number, bytes, "{status}");
        }
    }
}

/// How fast it is at the moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    /// Events a second.
    rate: f64,
    /// How long it takes to catch up at this rate, where it does.
    catch_up: Option<Duration>,
}

impl Sample {
    fn pace_until(&self, now: &Self) -> Pace {
        let seconds = (now.at - self.at).as_secs_f64().max(0.001);
        let events = now.messages.saturating_sub(self.messages);
        let rate = f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / seconds;
        let catch_up = now.lag.zip(self.lag).and_then(|(lag, before)| {
            let gained = before.checked_sub(lag)?.as_secs_f64() / seconds;
            let is_far_behind = lag >= CAUGHT_UP && gained > 0.0;
            is_far_behind.then(|| Duration::try_from_secs_f64(lag.as_secs_f64() / gained).ok())?
        });
        Pace { rate, catch_up }
    }
}

/// Who is less far behind has caught up.
const CAUGHT_UP: Duration = Duration::from_secs(30);

/// How things are, in one line.
pub(crate) fn describe(stats: &Stats, pace: Option<Pace>, names: &Names) -> String {
    let host = names.source.clone().unwrap_or_else(|| stats.host());
    if stats.host().is_empty() {
        return "connecting".to_owned();
    }
    let delivered = HumanCount(stats.accepted());
    let to = names.output.as_ref();
    let to = to.map_or(String::new(), |output| format!(" to {output}"));
    if !stats.is_connected() {
        let down = down(stats);
        return format!("{down}  {delivered} delivered{to}  {host}");
    }
    let behind = match (stats.early_lag(), stats.lag()) {
        _ if stats.is_quiet() => "quiet".to_owned(),
        (Some(lag), _) => format!("not yet at the beginning, {} behind", short(lag)),
        (None, Some(lag)) => format!("{} behind", short(lag)),
        (None, None) => "no event yet".to_owned(),
    };
    let progress = stats.progress();
    let behind = progress.map_or(behind, |progress| {
        progress::describe(&progress, stats.wire_bytes())
    });
    let catch_up = pace.and_then(|pace| pace.catch_up);
    let catch_up = catch_up.map_or(String::new(), |left| format!(", {} to go", short(left)));
    let reconnects = match stats.connects() {
        0 | 1 => String::new(),
        2 => "  1 reconnect".to_owned(),
        connects => format!("  {} reconnects", HumanCount(connects - 1)),
    };
    let rate = pace.map_or(String::new(), |pace| {
        format!("{}/s read  ", HumanFloatCount(pace.rate.round()))
    });
    format!("{rate}{delivered} delivered{to}  {behind}{catch_up}  {host}{reconnects}")
}

/// For how long there has been no connection, why, and when the next try is.
fn down(stats: &Stats) -> String {
    let Some(since) = stats.down_for() else {
        return "not connected, trying again".to_owned();
    };
    let next = stats.next_try_in().filter(|left| !left.is_zero());
    let next = next.map_or(", trying now".to_owned(), |left| {
        format!(", next try in {} s", left.as_secs_f64().ceil())
    });
    let why = stats.last_error();
    let why = why.map_or(String::new(), |why| format!(": {}", Shown::word(&why)));
    format!("down {} s{next}{why}", since.as_secs())
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
mod tests;
