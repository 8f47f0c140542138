//! All of `rocketman tail`: its sources, and the groups of its flags.

use clap::Args;

use super::{
    ConnectionArgs, ExecArgs, FateArgs, FileArgs, FilterArgs, HistoryArgs, HttpArgs, OperationArgs,
    OutputArgs, PositionArgs, SegmentArgs, StopArgs, StreamArgs, TableArgs,
};
#[cfg(feature = "nats")]
use super::{KvCursorArgs, NatsArgs, StreamSinkArgs};

/// All that can be typed after `rocketman tail`.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Servers, in order of preference, or demo:, nats://HOST/STREAM, or segment files; without any, the public servers
    ///
    /// https://HOST or HOST[:PORT] is the Jetstream of that host, over the v2 wire, or the v1 wire where it has no other; without
    /// a scheme, TLS is used except on loopback. wss://HOST[:PORT]/subscribe is the v1 wire exactly there, and
    /// wss://HOST[:PORT]/xrpc/network.bsky.jetstream.subscribeEvents the v2 wire. The next server is tried when one cannot be
    /// reached, falls silent, brings nothing, or is lost three times in a minute.
    ///
    /// demo: is a stream of invented events, served and read within this process, without a network. demo:?rate=1000&seed=7
    /// says how many events there are in a second (or max) and which: the same seed gives the same events in the same order. It
    /// stands alone.
    ///
    /// nats://HOST[:PORT][,HOST...]/STREAM?subject=FILTER is a stream of NATS JetStream, or what of it has this subject, or one of
    /// several (&subject=FILTER); nats:STREAM is one of the servers that the nats command is set up for. It stands alone. It is read by message numbers: --cursor N begins
    /// with message N, --cursor 0 with the first that there is, and without both and without a saved cursor with the next new one.
    /// With --exit-at-end it ends with the message that was the last when it began. Names and secrets come from the variables and
    /// contexts of the nats command, never from the address.
    ///
    /// Segment files (.jss), or folders of them, are the history of a server on the disk. They are read in the order of their
    /// numbers, up to the end, as by rocketman replay: --exit-at-end is implied. --since and --until are the times at which the server saw events;
    /// --cursor N begins with number N, or the next one that is left. What cannot hold what is wanted is not read. See --on-gap
    /// for what is missing between files.
    ///
    /// Without any, the public instances of Bluesky are read. ROCKETMAN_SOURCE lists servers, separated by blanks.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Vec<String>,
    /// It was typed as `rocketman replay`: sources are segment files.
    #[arg(skip)]
    pub(crate) is_replay: bool,
    /// How the archive of a service is read, by `rocketman replay`.
    #[arg(skip)]
    pub(crate) history: HistoryArgs,
    /// Which events.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// What of segment files.
    #[command(flatten)]
    pub(crate) segments: SegmentArgs,
    /// From where on.
    #[command(flatten)]
    pub(crate) position: PositionArgs,
    /// From a cursor in NATS.
    #[cfg(feature = "nats")]
    #[command(flatten)]
    pub(crate) kv_cursor: KvCursorArgs,
    /// Where to.
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Into which files.
    #[command(flatten)]
    pub(crate) files: FileArgs,
    /// As which rows.
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// How programs are run.
    #[command(flatten)]
    pub(crate) exec: ExecArgs,
    /// How events are sent.
    #[command(flatten)]
    pub(crate) http: HttpArgs,
    /// Until when.
    #[command(flatten)]
    pub(crate) stop: StopArgs,
    /// How to read a stream of NATS.
    #[command(flatten)]
    pub(crate) stream: StreamArgs,
    /// How to stay connected.
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// Who you are on NATS.
    #[cfg(feature = "nats")]
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
    /// Which stream of NATS to write to.
    #[cfg(feature = "nats")]
    #[command(flatten)]
    pub(crate) stream_sink: StreamSinkArgs,
    /// How to watch over it.
    #[command(flatten)]
    pub(crate) operation: OperationArgs,
    /// What goes wrong on purpose.
    #[command(flatten)]
    pub(crate) fate: FateArgs,
}

pub(super) const AFTER_TAIL: &str = "\
Environment:
  Each flag that takes one value can be set as ROCKETMAN_<FLAG>, for example
  ROCKETMAN_CURSOR_FILE. ROCKETMAN_SOURCE, ROCKETMAN_COLLECTION, ROCKETMAN_DID,
  ROCKETMAN_KIND, ROCKETMAN_OP and ROCKETMAN_COLUMN take lists separated by
  blanks. The command line wins. HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name proxies,
  SSL_CERT_FILE and SSL_CERT_DIR root certificates. As a service of systemd, a
  relative cursor file lies in STATE_DIRECTORY, and NOTIFY_SOCKET is told when
  the stream is read and that it is alive.

Files:
  CURSOR.lock      beside a cursor file: the lock of the process that uses it
  CURSOR.new       beside a cursor file: a save under way
  NAME.partial     an output file of a pattern, until it is complete
  DATABASE.lock    beside a database: the lock of the process that writes to it
  ~/.cache/rocketman/
                   dictionaries of the v2 wire, by their id; XDG_CACHE_HOME counts

Exit codes:
  0    finished, or asked to stop by SIGTERM or SIGHUP, or stdout was closed by
       its reader
  1    failed while running
  2    wrong usage or configuration
  3    no server could be reached within --max-retries
  4    events are missing that the server no longer has, under --on-gap fail
  5    nothing came for --idle-timeout, or the stream is further behind than
       --max-lag
  6    the server refused the request
  7    another process uses the cursor, or writes to the same stream of NATS
  130  interrupted by Ctrl-C, after everything read was delivered and the
       cursor saved; or at once, by a second signal";
