//! What can be typed, and nothing else: plain types, no files opened, no defaults decided.
//!
//! The doc comments here are the help and the manual.

#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    reason = "these doc comments are shown in a terminal, where Markdown would be noise"
)]

mod calls;
mod check;
mod compare;
mod complete;
mod comply;
mod cursor;
mod exec;
mod fate;
mod files;
mod fold;
mod global;
mod health;
mod history;
mod http;
mod inspect;
mod manual;
mod misuse;
#[cfg(feature = "nats")]
mod nats;
mod operation;
mod output;
mod pack;
mod parse;
mod probe;
mod receiver;
mod replay;
mod segments;
mod serve;
mod source;
mod stop;
mod table;
mod tail;
mod units;

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

#[cfg(feature = "nats")]
pub(crate) use self::nats::{DiscardArg, KvCursorArgs, NatsArgs, StorageArg, StreamSinkArgs};
#[cfg(feature = "nats")]
pub(crate) use self::source::EnvelopeArg;
pub(crate) use self::{
    calls::CallArgs,
    check::CheckArgs,
    compare::CompareArgs,
    complete::{answer_a_shell, completions},
    comply::{ComplyArgs, GoneArg},
    cursor::{CursorAtArgs, CursorCommand, FilesArgs, RewindArgs, SetArgs, ShowArgs},
    exec::{ExecArgs, ExecModeArg, OnExecErrorArg},
    fate::FateArgs,
    files::{CheckpointArg, FileArgs},
    fold::FoldArgs,
    global::{GlobalArgs, LogFormat, When},
    health::HealthArgs,
    history::HistoryArgs,
    http::{BodyArg, HttpArgs},
    inspect::InspectArgs,
    manual::man_pages,
    misuse::Misuse,
    operation::OperationArgs,
    output::OutputArgs,
    pack::PackArgs,
    parse::{is_flag_of_tail, is_variable, messages_of_misuse, parse, unknown_variables},
    probe::ProbeArgs,
    receiver::ReceiverArgs,
    replay::ReplayArgs,
    segments::SegmentArgs,
    serve::{LiveArgs, Retain, ServeArgs, Speed},
    source::{
        ConnectionArgs, FilterArgs, KINDS, OPERATIONS, OnGapArg, OnUndeliverableArg, PositionArgs,
        StreamArgs,
    },
    stop::StopArgs,
    table::{TableArg, TableArgs},
    tail::TailArgs,
};

/// As it is otherwise, without the empty lines around the usage: so all commands fit on a screen.
const HELP_TEMPLATE: &str = "\
{before-help}{about}
{usage-heading} {usage}
{all-args}{after-help}";

/// Bring the Bluesky record stream to a pipe, a file or a program
#[derive(Debug, Parser)]
#[command(
    name = "rocketman",
    version,
    propagate_version = true,
    help_template = HELP_TEMPLATE,
    max_term_width = 100,
    before_help = "rocketman tail -c app.bsky.feed.post --op create | jq -r .commit.record.text"
)]
pub(crate) struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Stream events to stdout, a file or a program
    #[command(
        before_help = "\
Examples:
  rocketman tail -c app.bsky.feed.post --op create | jq -r .commit.record.text
  rocketman tail -c 'app.bsky.graph.*' --cursor-file graph.cursor -o 'graph/%Y-%m-%d.ndjson.zst'
  rocketman tail --since 2h --exit-at-end -o last-two-hours.ndjson
  rocketman tail -d @dids.txt --kind all
  rocketman tail -c app.bsky.feed.post -n 100 -x ./reply.sh",
        after_help = "All options, with what they mean: rocketman tail --help",
        after_long_help = tail::AFTER_TAIL
    )]
    Tail(Box<TailArgs>),
    /// Replay the history of a server, from files or its archive
    ///
    /// The lines are byte for byte those that the server sends on the v1 wire, in the order of their numbers, and every checksum
    /// is checked. Filters, outputs and cursors are those of tail; the run ends with the last file. The archive of a service is read
    /// up to now, or, with --follow, and then live.
    #[command(
        before_help = "\
Examples:
  rocketman replay segments/ -c app.bsky.feed.post | jq -r .commit.record.text
  rocketman replay segments/ --since 2026-11-01 --cursor-file c -o a.ndjson.zst
  rocketman replay https://HOST -c 'fm.teal.*' --follow -o teal.ndjson",
        after_help = "All options, with what they mean: rocketman replay --help",
        after_long_help = replay::AFTER_REPLAY
    )]
    Replay(Box<ReplayArgs>),
    /// Look at servers: are they there, how far behind, how far back
    ///
    /// All servers are asked at the same time, each over three short connections: one reads a little of what is live, one
    /// the first event for a cursor of long ago, and one looks for the v2 wire. Unusable ones show why.
    #[command(
        before_help = "\
Examples:
  rocketman probe
  rocketman probe jetstream.us-east.bsky.network localhost:6008
  rocketman probe --json | jq -r 'select(.usable) | [.ping_ms, .source] | @tsv' | sort -n",
        after_help = "Columns, JSON keys and exit codes: rocketman probe --help",
        after_long_help = probe::AFTER_PROBE
    )]
    Probe(ProbeArgs),
    /// Look at a cursor, or move it
    ///
    /// A cursor keeps the place of a rocketman tail, in a file (--cursor-file) or under a key of NATS (--cursor-kv).
    Cursor {
        /// What to do with it.
        #[command(subcommand)]
        command: CursorCommand,
    },
    /// Serve recordings, a live or an invented stream as a Jetstream
    ///
    /// For consumers that are being written or tested: without the public network, and the same again. And for many
    /// consumers of one live stream, which is then read once. Both wires of public servers are spoken (v1 and v2), with
    /// cursors, filters, options_update and zstd.
    #[command(
        before_help = "\
Examples:
  rocketman serve 'demo:?rate=1000&seed=7'
  rocketman serve recorded.ndjson --speed max
  rocketman serve https://jetstream2.us-east.bsky.network --store events/ --retain 36h
  rocketman serve --http-sink 8080 | jq .did",
        after_help = "All options, with what they mean: rocketman serve --help",
        after_long_help = serve::AFTER_SERVE
    )]
    Serve(Box<ServeArgs>),
    /// Check recordings: whole, how many events, any repeats
    ///
    /// Each file is read to its end, every line of it as JSON.
    #[command(
        before_help = "\
Examples:
  rocketman check events.ndjson
  rocketman check archive/
  rocketman check --json archive/ | jq -r 'select(.state != \"whole\") | .file'
  rocketman check --repair left-behind.ndjson.zst",
        after_help = "JSON keys and exit codes: rocketman check --help",
        after_long_help = check::AFTER_CHECK
    )]
    Check(CheckArgs),
    /// Look into segment files of a server: what they hold, any holes
    ///
    /// What a server keeps of its history are files that end in .jss. Header and footer of each say what is in it, and are
    /// read; --verify reads everything.
    #[command(
        before_help = "\
Examples:
  rocketman inspect segments/
  rocketman inspect --verify seg_0000000042.jss
  rocketman inspect --json segments/ | jq -r 'select(.collections[\"app.bsky.feed.post\"]) | .file'",
        after_help = "JSON keys and exit codes: rocketman inspect --help",
        after_long_help = inspect::AFTER_INSPECT
    )]
    Inspect(InspectArgs),
    /// Make segment files of recordings, an archive of your own
    ///
    /// Every event keeps its number, or is counted anew; the cid of each record is held against its content.
    #[command(
        before_help = "\
Examples:
  rocketman pack archive/*.ndjson.zst segments/
  rocketman tail demo: -n 1000 | rocketman pack --renumber - segments/",
        after_help = "What becomes of lines, and exit codes: rocketman pack --help",
        after_long_help = pack::AFTER_PACK
    )]
    Pack(PackArgs),
    /// Fold recordings into a table: the state that they lead to
    ///
    /// Creates, updates, deletes and what became of accounts, out of lines and segment files, into a SQLite database.
    #[command(
        before_help = "\
Examples:
  rocketman fold archive/ -o sqlite:state.db
  rocketman fold posts.ndjson.zst -o sqlite:posts.db --column text=/commit/record/text",
        after_help = "What becomes of repeats, and exit codes: rocketman fold --help",
        after_long_help = fold::AFTER_FOLD
    )]
    Fold(Box<FoldArgs>),
    /// Remove from archives what was deleted since
    ///
    /// Recordings, files of Parquet and segment files are rewritten without the records whose deletion, or that of their
    /// account, is in them or elsewhere.
    #[command(
        before_help = "\
Examples:
  rocketman comply archive/ --dry-run
  rocketman comply archive/ --deletions https://HOST --cursor-file archive.cursor
  rocketman comply old.ndjson.zst --deletions sqlite:state.db",
        after_help = "What is removed, JSON keys and exit codes: rocketman comply --help",
        after_long_help = comply::AFTER_COMPLY
    )]
    Comply(ComplyArgs),
    /// Ask a running rocketman whether it is alive
    ///
    /// It answers at /healthz: rocketman tail where --metrics-addr says, rocketman serve where it listens. Its answer is
    /// printed, and is the exit code, for what looks after containers and machines.
    #[command(
        before_help = "\
Examples:
  rocketman health 9090
  rocketman health 127.0.0.1:6008 || systemctl restart rocketman-serve
  HEALTHCHECK CMD [\"/usr/bin/rocketman\", \"health\"]",
        after_help = "Exit codes: rocketman health --help",
        after_long_help = health::AFTER_HEALTH
    )]
    Health(HealthArgs),
    /// Compare two servers or recordings: what one of them misses
    ///
    /// A server can send events all day while those of one collection are missing. Both are read over the same time, and
    /// what came from one alone is missing from the other, as far as both were read long enough before and after it.
    #[command(
        before_help = "\
Examples:
  rocketman compare jetstream1.us-east.bsky.network jetstream2.us-east.bsky.network
  rocketman compare -c app.bsky.feed.post --since 2h localhost:6008 jetstream2.us-east.bsky.network
  rocketman compare --json one.ndjson.zst two.ndjson.zst | jq 'select(.type == \"missing\")'",
        after_help = "JSON keys and exit codes: rocketman compare --help",
        after_long_help = compare::AFTER_COMPARE
    )]
    Compare(Box<CompareArgs>),
    /// Print the completions for a shell
    ///
    /// It has the shell ask rocketman, which has to be on the PATH. Where it belongs:
    ///
    /// bash: rocketman completions bash > ~/.local/share/bash-completion/completions/rocketman
    ///
    /// zsh: rocketman completions zsh > a folder of $fpath, as _rocketman
    ///
    /// fish: rocketman completions fish > ~/.config/fish/completions/rocketman.fish
    ///
    /// PowerShell: rocketman completions powershell | Out-String | Invoke-Expression, in $PROFILE
    ///
    /// elvish: eval (rocketman completions elvish | slurp), in rc.elv
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a page of the manual, or write all of them
    ///
    /// To read a page at once: rocketman man tail | man -l -
    Man {
        /// The command whose page to print, such as tail or cursor show; without it, the page of the program
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
        /// Write all pages into this folder instead
        #[arg(
            long,
            value_name = "FOLDER",
            env = "ROCKETMAN_DIR",
            conflicts_with = "command"
        )]
        dir: Option<PathBuf>,
    },
}

/// The definition of the command line. Its help names no variables: each flag has one, by a rule
/// that the help of `tail` says once.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command().mut_subcommands(|command| match command.get_name() {
        "replay" => replay::adjust(command),
        _ => command,
    });
    without_variables(command)
}

fn without_variables(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let is_by_rule = arg.get_env().is_some_and(|name| {
                let name = name.to_string_lossy();
                name.starts_with("ROCKETMAN_")
            });
            arg.hide_env(is_by_rule)
        })
        .mut_subcommands(without_variables)
}

impl Command {
    /// Whether stdout is for events, so that a terminal is no place for a status line.
    pub(crate) fn writes_events_to_stdout(&self) -> bool {
        let output = match self {
            Self::Tail(args) => &args.output,
            Self::Replay(args) => args.output(),
            _ => return false,
        };
        output.output.as_deref().is_none_or(|path| path == "-")
    }
}

#[cfg(test)]
mod tests;
