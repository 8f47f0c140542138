//! Messages on stderr: sentences for people, or JSON for machines.
//!
//! What a terminal acts upon is escaped here, whatever its origin. Lines about a change of state
//! (target [`STATE`]), and those of programs ([`CHILD_STDERR`]), are whole sentences; their fields
//! repeat the facts for JSON and are not shown as text.

use std::{
    fmt,
    io::{self, IsTerminal},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    warn,
};
use tracing_subscriber::{
    filter::Targets,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer, layer},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{
    args::{GlobalArgs, LogFormat, When},
    hints,
    terminal::status_line::StatusLine,
};
use rocketman::{PipelineSettings, Shown, sink::ExecSettings};

/// Starts writing messages, past the status line. Called once.
pub(crate) fn start(args: &GlobalArgs, line: &StatusLine) {
    let line = line.clone();
    let typed = std::env::var(VARIABLE).unwrap_or_default();
    let (targets, refused) = targets(args, &typed);
    let subscriber = tracing_subscriber::registry().with(targets);
    match args.log_format {
        LogFormat::Json => {
            let lines = layer().with_writer(move || Json(line.clone()));
            subscriber.with(lines.json().flatten_event(true)).init();
        }
        LogFormat::Text => {
            let lines = layer().with_writer(move || line.clone());
            let has_colors = has_colors(args.color);
            let lines = lines.event_format(ForPeople { has_colors });
            subscriber.with(lines).init();
        }
    }
    if let Some(why) = refused {
        warn!(
            "{VARIABLE} is ignored: {why}; it takes levels of targets, such as warn,rocketman=debug"
        );
    }
}

/// Says what is logged, where it is set.
const VARIABLE: &str = "RUST_LOG";

const STATE: &str = PipelineSettings::STATE_TARGET;
const CHILD_STDERR: &str = ExecSettings::STDERR_TARGET;

/// What the NATS library logs is logged already, in words of our own.
const NATS: &str = "async_nats=off";

/// What is logged, and what is wrong with the variable.
fn targets(args: &GlobalArgs, typed: &str) -> (Targets, Option<String>) {
    let refused = match typed.parse::<Targets>() {
        Ok(targets) if !typed.is_empty() => return (targets, None),
        Ok(_) => None,
        Err(_) if typed.is_empty() => None,
        Err(error) => Some(error.to_string()),
    };
    let by_flag = match (args.quiet, args.verbose) {
        // What a program of the user's has to say is not ours to leave out.
        (true, _) => format!("error,{CHILD_STDERR}=info,{NATS}"),
        (false, 0) => format!("warn,{STATE}=info,{CHILD_STDERR}=info,{NATS}"),
        (false, 1) => format!("info,{NATS}"),
        (false, 2) => "info,rocketman=debug".to_owned(),
        (false, _) => "trace".to_owned(),
    };
    let targets = by_flag.parse();
    (
        targets.expect("the levels of the flags are written well"),
        refused,
    )
}

/// Whether messages are coloured.
pub(crate) fn has_colors(when: When) -> bool {
    wants_colors(when, io::stderr().is_terminal())
}

/// Whether events for people are coloured.
pub(crate) fn has_colors_on_stdout(when: When) -> bool {
    wants_colors(when, io::stdout().is_terminal())
}

fn wants_colors(when: When, is_terminal: bool) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            let variable = std::env::var_os;
            is_terminal
                && variable("NO_COLOR").is_none_or(|value| value.is_empty())
                && variable("TERM").is_none_or(|value| value != "dumb")
        }
    }
}

/// The word before a message, in its colour.
pub(crate) fn label(level: Level, has_colors: bool) -> String {
    let (color, word) = match level {
        Level::ERROR => ("31", "error: "),
        Level::WARN => ("33", "warning: "),
        Level::INFO => ("", ""),
        Level::DEBUG => ("2", "debug: "),
        Level::TRACE => ("2", "trace: "),
    };
    if has_colors && !word.is_empty() {
        format!("\x1b[{color}m{word}\x1b[0m")
    } else {
        word.to_owned()
    }
}

/// `rocketman: warning: the message key=value`.
struct ForPeople {
    has_colors: bool,
}

impl<S, N> FormatEvent<S, N> for ForPeople
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut parts = Parts::default();
        event.record(&mut parts);
        write!(
            writer,
            "rocketman: {}{}",
            label(*metadata.level(), self.has_colors),
            on_screen(&parts.message)
        )?;
        if let Some(hint) = parts.hint {
            write!(writer, "; {hint}")?;
        }
        if ![STATE, CHILD_STDERR].contains(&metadata.target()) {
            write!(writer, "{}", on_screen(&parts.fields))?;
        }
        writeln!(writer)
    }
}

/// Without anything that a terminal acts upon but tabs, which programs print.
fn on_screen(text: &str) -> String {
    let parts: Vec<_> = text
        .split('\t')
        .map(|part| Shown::text(part).to_string())
        .collect();
    parts.join("\t")
}

/// The way of lines of JSON.
struct Json(StatusLine);

impl io::Write for Json {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let len = lines.len();
        let lines = Shown::json(&String::from_utf8_lossy(lines)).to_string();
        self.0.write_all(lines.as_bytes())?;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The message of an event, and its other fields in their order.
#[derive(Default)]
struct Parts {
    message: String,
    fields: String,
    /// What to do about it, where it names a setting.
    hint: Option<&'static str>,
}

impl Visit for Parts {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "setting" {
            self.hint = hints::of_setting(value);
        }
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        self.record_debug(field, &format_args!("{}", Shown::error(error)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => fmt::write(&mut self.message, format_args!("{value:?}")),
            // What its flag says, and what is the log crate's own, repeated by its bridge.
            name if name == "setting" || name.starts_with("log.") => Ok(()),
            name => fmt::write(&mut self.fields, format_args!(" {name}={value:?}")),
        };
        written.expect("writing to a String cannot fail");
    }
}
