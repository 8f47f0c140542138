//! Where events go, and in which form.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgAction, Args};

use super::units::yes_or_no;
use rocketman::sink::LineFormat;

/// What `--format` takes, before and after the letters of a template.
const FORMAT: [&str; 2] = [
    "\
Write events as json, human, csv, or by a template

By default each event is one line of JSON, and on a terminal a row for people (human). pretty is JSON \
over several lines; csv and tsv are rows of --fields. Anything with a percent sign or a backslash in it is \
a template, such as '%t %c %{commit.record.text}\\n':

",
    "
%{commit.record.text} is any field by its path, %{commit.record.langs.0} an element of a list, and \
%{/commit/record/text} the same by a JSON pointer. What is missing or null is empty, a text has no quotes, \
and all else is JSON. \\n is a line end, \\t a tab, \\0 NUL, \\r, \\xNN and \\\\ are bytes too, and %% is a \
percent sign. Nothing is added: a template for lines ends in \\n.

Files and programs get it too; streams of NATS and programs of --exec-mode stream only get lines of JSON. \
Another format cannot be read back from a file, so that after a server has renumbered its events the last \
ones may come again.",
];

/// The help of `--format`, with the letters in two columns.
fn format_help() -> String {
    let letters: Vec<_> = LineFormat::letters().collect();
    let [before, after] = FORMAT;
    let mut help = before.to_owned();
    let (left, right) = letters.split_at(letters.len().div_ceil(2));
    for (row, (letter, what)) in left.iter().enumerate() {
        let beside = right
            .get(row)
            .map(|(letter, what)| format!("%{letter}  {what}"));
        let row = format!("  %{letter}  {what:20}{}", beside.unwrap_or_default());
        help += row.trim_end();
        help.push('\n');
    }
    help + after
}

/// Where to
#[derive(Debug, Args)]
#[command(next_help_heading = "Where to")]
pub(crate) struct OutputArgs {
    /// Append to this file, or to those of a pattern, and not to stdout
    ///
    /// Files that end in .zst or .gz are compressed, and those that end in .parquet are tables. With a cursor file, a restart after a crash cuts files back to what the
    /// cursor counts, so that each event is in them exactly once; without one, events may be in them twice, or be missing. '-' is
    /// stdout.
    ///
    /// In a pattern, %Y %m %d %H %M %S %j %F and a few more are the server's time of the events in UTC, as of strftime,
    /// {collection} is the event's collection, or its kind where it has none, and n in braces a number. Folders are made. While a file is
    /// written its name ends in .partial; it gets its name when it is complete and the cursor counts it. At SIGHUP files are
    /// closed, and new ones begun. A percent sign is written %%.
    ///
    /// sqlite:FILE is a SQLite database with the state that events lead to, or with --table events all of them. Each counts in it
    /// exactly once, and it keeps the place itself, so that no cursor file is needed.
    ///
    /// https://HOST/PATH, or http://, is an endpoint of HTTP: events are sent to it, many in a request (see --batch), in the order of each
    /// account. With a cursor file each arrives at least once: 2xx accepts what was sent, and nothing is passed over that was not.
    ///
    /// clickhouse://HOST[:PORT]/DATABASE/TABLE is a table of ClickHouse, over its interface of HTTP, and clickhouses:// the same with TLS:
    /// a row an event, each inserted once where the table knows inserts again, as one of --create-table does.
    ///
    /// nats://HOST[:PORT]/STREAM?subject=PREFIX is a stream of NATS JetStream, or nats:STREAM one of the selected context; events are
    /// written below the subject PREFIX, or atproto. Each is in it exactly once, in order, and the stream itself says where to
    /// go on, so that no cursor file is needed. Only one process may write to a stream. Messages of another stream keep subject,
    /// headers and payload; with PREFIX their subjects are put below it.
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "ROCKETMAN_OUTPUT",
        conflicts_with = "exec"
    )]
    pub(crate) output: Option<PathBuf>,
    /// Run this program for each event; takes the rest of the line, up to a lone ';'
    ///
    /// One at a time and in order (see --jobs), without a shell. The program gets the event's line on stdin, and in its
    /// environment ROCKETMAN_EVENT_KIND, _DID, _COLLECTION, _OPERATION, _RKEY, _TIME_US, _CURSOR and _URI. In its arguments {did},
    /// {collection}, {rkey}, {uri} and {time_us} are replaced; put '--' before one that begins with such a name, for it may begin with
    /// a hyphen. Exit status 0 means that it took the event; any other ends the run with status 1 (see --on-exec-error), and a saved cursor
    /// stays before that event. What it prints goes to stdout, and what it says on stderr to stderr, its name before each line.
    #[arg(short = 'x', long, value_name = "PROGRAM", action = ArgAction::Set, num_args = 1.., value_terminator = ";", allow_hyphen_values = true)]
    pub(crate) exec: Vec<OsString>,
    /// Write events as json, human, csv, or by a template
    #[arg(
        long,
        value_name = "FORMAT",
        env = "ROCKETMAN_FORMAT",
        allow_hyphen_values = true,
        long_help = format_help()
    )]
    pub(crate) format: Option<String>,
    /// Write these fields of each event, separated by commas, with --format csv or tsv
    ///
    /// Each is a path or a JSON pointer, as in a template: did,commit.rkey,commit.record.text. csv has quotes where they are needed
    /// (RFC 4180), tsv has \t, \n, \r and \\ for what would break its rows. A field that is missing or null is empty.
    #[arg(
        long,
        value_name = "FIELDS",
        env = "ROCKETMAN_FIELDS",
        hide_short_help = true
    )]
    pub(crate) fields: Option<String>,
    /// Write no row of names before the rows of --fields
    ///
    /// Otherwise each new file begins with one, and so does stdout, but not a file that is appended to.
    #[arg(long, env = "ROCKETMAN_NO_HEADER", value_parser = yes_or_no, hide_short_help = true)]
    pub(crate) no_header: bool,
    /// Write the server's payload byte for byte
    ///
    /// Otherwise a raw line end inside an event, which would tear its line, becomes a space.
    #[arg(long, env = "ROCKETMAN_RAW", value_parser = yes_or_no, hide_short_help = true)]
    pub(crate) raw: bool,
    /// End each event with NUL instead of a line end
    #[arg(short = '0', long, env = "ROCKETMAN_PRINT0", value_parser = yes_or_no, conflicts_with = "exec", hide_short_help = true)]
    pub print0: bool,
    /// Check that each event is valid JSON to its end, and drop those that are not
    ///
    /// By default only the envelope is read, and what is inside a record is the server's word.
    #[arg(long, env = "ROCKETMAN_VALIDATE", value_parser = yes_or_no, hide_short_help = true)]
    pub(crate) validate: bool,
    /// Append messages from the server that are no events to this file
    ///
    /// One JSON object a line: time, class, why, host, the place of the event before, and the message as text or base64, up to
    /// 64K of it. At 16M the file is put aside as FILE.1, in place of the one before. Without it they are only counted.
    #[arg(
        long,
        value_name = "FILE",
        env = "ROCKETMAN_BAD_EVENTS",
        hide_short_help = true
    )]
    pub(crate) bad_events: Option<PathBuf>,
}
