//! All of `rocketman replay`: the flags of `tail` that are of use for what is on the disk.

use clap::{Args, Command, ValueHint};

use super::{
    ConnectionArgs, ExecArgs, FateArgs, FileArgs, FilterArgs, HistoryArgs, HttpArgs, OperationArgs,
    OutputArgs, PositionArgs, SegmentArgs, StopArgs, StreamArgs, TableArgs, TailArgs,
};
#[cfg(feature = "nats")]
use super::{KvCursorArgs, NatsArgs, StreamSinkArgs};

/// All that can be typed after `rocketman replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Segment files (.jss), or folders of them, or https://HOST
    ///
    /// https://HOST[:PORT] is the archive of a Jetstream service, which may want a key: everything up to now, or, with --follow, and
    /// then live. It stands alone.
    ///
    /// Files are read in the order of their numbers, up to the end; a folder stands for all files in it that end in .jss. --since
    /// and --until are the times at which the server saw events; --cursor N begins with number N, or the next one that is left.
    /// What cannot hold what is wanted is not read. See --on-gap for what is missing between files.
    #[arg(value_name = "PATH|URL", required = true, value_hint = ValueHint::AnyPath)]
    path: Vec<String>,
    /// Which events.
    #[command(flatten)]
    filter: FilterArgs,
    /// What of segment files.
    #[command(flatten)]
    segments: SegmentArgs,
    /// How the archive of a service is read.
    #[command(flatten)]
    history: HistoryArgs,
    /// From where on.
    #[command(flatten)]
    position: PositionArgs,
    /// From a cursor in NATS.
    #[cfg(feature = "nats")]
    #[command(flatten)]
    kv_cursor: KvCursorArgs,
    /// Where to.
    #[command(flatten)]
    output: OutputArgs,
    /// Into which files.
    #[command(flatten)]
    files: FileArgs,
    /// As which rows.
    #[command(flatten)]
    table: TableArgs,
    /// How programs are run.
    #[command(flatten)]
    exec: ExecArgs,
    /// How events are sent.
    #[command(flatten)]
    http: HttpArgs,
    /// Until when.
    #[command(flatten)]
    stop: StopArgs,
    /// How to stay connected, and on how many cores to inflate.
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Who you are on NATS.
    #[cfg(feature = "nats")]
    #[command(flatten)]
    nats: NatsArgs,
    /// Which stream of NATS to write to.
    #[cfg(feature = "nats")]
    #[command(flatten)]
    stream_sink: StreamSinkArgs,
    /// How to watch over it.
    #[command(flatten)]
    operation: OperationArgs,
    /// What goes wrong on purpose.
    #[command(flatten)]
    fate: FateArgs,
}

impl ReplayArgs {
    /// Where events go.
    pub(super) fn output(&self) -> &OutputArgs {
        &self.output
    }

    /// Who you are on NATS.
    #[cfg(feature = "nats")]
    pub(super) fn nats_mut(&mut self) -> &mut NatsArgs {
        &mut self.nats
    }
}

impl From<ReplayArgs> for TailArgs {
    fn from(args: ReplayArgs) -> Self {
        Self {
            source: args.path,
            is_replay: true,
            filter: args.filter,
            segments: args.segments,
            history: args.history,
            position: args.position,
            #[cfg(feature = "nats")]
            kv_cursor: args.kv_cursor,
            output: args.output,
            files: args.files,
            table: args.table,
            exec: args.exec,
            http: args.http,
            stop: args.stop,
            stream: StreamArgs::default(),
            connection: args.connection,
            #[cfg(feature = "nats")]
            nats: args.nats,
            #[cfg(feature = "nats")]
            stream_sink: args.stream_sink,
            operation: args.operation,
            fate: args.fate,
        }
    }
}

/// Flags of `tail` that the short help has here.
const SHOWN: [&str; 3] = ["after_seq", "before_seq", "threads"];

/// What more threads do here.
const THREADS: &str = "\
Inflate and print on this many cores

Blocks come out in their order. Each thread takes some 10 MB for the blocks of servers, and up to 50 MB \
for blocks of 16 MiB.";

/// Flags that the short help of `tail` has, and that here has no room for.
const FOLDED: [&str; 3] = ["format", "jobs", "op"];

/// Flags of `tail` that are implied here, or mean nothing on the disk.
const HIDDEN: [&str; 5] = [
    "exit_at_end",
    "frame_timeout",
    "max_frame_size",
    "no_compress",
    "quiet_timeout",
];

/// The definition, with what matters for files in sight.
pub(super) fn adjust(command: Command) -> Command {
    let command = SHOWN.into_iter().fold(command, |command, id| {
        command.mut_arg(id, |arg| arg.hide_short_help(false))
    });
    let command = command.mut_arg("threads", |arg| {
        let short = THREADS.lines().next().unwrap_or_default();
        arg.help_heading("Segment files")
            .help(short)
            .long_help(THREADS)
    });
    let command = FOLDED.into_iter().fold(command, |command, id| {
        command.mut_arg(id, |arg| arg.hide_short_help(true))
    });
    HIDDEN.into_iter().fold(command, |command, id| {
        command.mut_arg(id, |arg| arg.hide(true))
    })
}

pub(super) const AFTER_REPLAY: &str = "\
Environment:
  Each flag that takes one value can be set as ROCKETMAN_<FLAG>, as for tail.
  The command line wins.

  ROCKETMAN_JETSTREAM_KEY is the key of an archive.

Messages:
  On a terminal a line shows how fast it is, the number and the date that are
  reached, and how long the rest will take. Elsewhere the same is said every
  30 seconds. The last messages say how much was read, and how much was not.

Exit codes:
  0    the end is reached, or asked to stop by SIGTERM or SIGHUP, or stdout was
       closed by its reader
  1    failed while running: a file is damaged, or the output fails
  2    wrong usage or configuration, or there is no such file
  3    the service could not be reached within --max-retries
  4    a file is missing between those of a folder, unless --on-gap warn
  6    the service refused: the archive wants a key, or another one
  7    another process uses the cursor, or writes to the same stream of NATS
  130  interrupted by Ctrl-C, after everything read was delivered and the
       cursor saved; or at once, by a second signal";
