//! Which events to read, from where on, and how to stay connected.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::units::{duration, interval, small_size, up_to, yes_or_no};
use rocketman::filter::Shard;

/// Which events
#[derive(Debug, Args)]
#[command(next_help_heading = "Which events")]
pub(crate) struct FilterArgs {
    /// Only records of this collection, or of all with a prefix: 'app.bsky.feed.*' (can be repeated)
    ///
    /// At most 100, which may also be separated by commas. Unless --kind says otherwise, only commits are then delivered: account, identity and sync events are left out.
    #[arg(short, long, value_name = "NSID")]
    pub(crate) collection: Vec<String>,
    /// Only this account, or those listed in @FILE, or @- for stdin (can be repeated)
    ///
    /// A file holds one DID a line; blank lines and what follows a # are ignored. At SIGHUP files are read again. More than a server takes
    /// (10,000) are filtered here: the server is then asked for all accounts, which is said.
    #[arg(short, long, value_name = "DID")]
    pub(crate) did: Vec<String>,
    /// Only this kind of event (can be repeated)
    ///
    /// By default all kinds, or commits if --collection or --op is given. A stored copy of records needs the account,
    /// identity and sync events too, to honour deletions: use --kind all for that.
    #[arg(short, long, value_name = "KIND", value_parser = KINDS, value_delimiter = ',')]
    pub(crate) kind: Vec<String>,
    /// Only commits with this operation (can be repeated)
    #[arg(long, value_name = "OPERATION", value_parser = OPERATIONS, value_delimiter = ',')]
    pub(crate) op: Vec<String>,
    /// Only the accounts of this shard: 1/4 is the first of four
    ///
    /// So several processes share one stream: every account is in exactly one of the shards, always in the same one, and its
    /// events stay in order. Each process reads the whole stream, or what the other filters leave of it, and needs a cursor
    /// file of its own. Messages of NATS that are no events are shared out by their subject. Where the subject of a stream has a
    /// partition in it, the server sends nothing but our share: {shard} in the address stands for it, as in
    /// 'nats://HOST/STREAM?subject=atproto.{shard}.>', and is 0 for the first shard.
    #[arg(
        long,
        value_name = "M/N",
        env = "ROCKETMAN_SHARD",
        hide_short_help = true
    )]
    pub(crate) shard: Option<Shard>,
    /// Leave out events whose JSON is larger than this
    ///
    /// The server is asked to, which spares the network, and those that come all the same are left out here and counted. What is larger
    /// than --max-frame-size is not read at all.
    #[arg(long, value_name = "BYTES", env = "ROCKETMAN_MAX_MESSAGE_SIZE", value_parser = small_size, hide_short_help = true)]
    pub(crate) max_message_size: Option<u32>,
}

/// What a gap leads to
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnGapArg {
    /// Say it and go on
    Warn,
    /// Say it and end with exit code 4
    Fail,
    /// Read what is missing from the archive of the service
    Replay,
}

/// The values of `--kind`.
pub(crate) const KINDS: [&str; 5] = ["all", "commit", "identity", "account", "sync"];

/// The values of `--op`.
pub(crate) const OPERATIONS: [&str; 3] = ["create", "update", "delete"];

/// From where on
#[derive(Debug, Args)]
#[command(next_help_heading = "From where on")]
pub(crate) struct PositionArgs {
    /// Begin at this time or age: 2026-11-23T10:00:00Z, or 2h
    ///
    /// Also a date (2026-11-23); without a zone it is UTC. Servers keep a day or a day and a half. Wins over what is in a cursor
    /// file.
    #[arg(
        long,
        value_name = "TIME",
        env = "ROCKETMAN_SINCE",
        conflicts_with_all = ["cursor", "begin"]
    )]
    pub(crate) since: Option<String>,
    /// Go on from this file, and keep it up to date
    ///
    /// It is made when it is missing; then the stream begins at the live tip, or where --begin, --since or --cursor say. It is
    /// saved every second while it changes, and on every way of stopping, and it never gets ahead of what was delivered.
    /// A lock beside it (FILE.lock) keeps a second process out. To look at it or to move it: rocketman cursor --help
    #[arg(long, value_name = "FILE", env = "ROCKETMAN_CURSOR_FILE")]
    pub(crate) cursor_file: Option<PathBuf>,
    /// Begin at this cursor: a server's number, microseconds since 1970, a time, or an age
    ///
    /// It is sent as given. A number below 1000000000000000 means an event of one particular server, or a message of a stream of NATS,
    /// where 0 is the first that there is. A number that the server has not come to, or a time beyond its clock, ends the run. Wins
    /// over what is in a cursor file.
    #[arg(
        long,
        value_name = "CURSOR",
        env = "ROCKETMAN_CURSOR",
        hide_short_help = true
    )]
    pub(crate) cursor: Option<String>,
    /// Begin here where nothing was saved yet: what --cursor takes, or 'oldest'
    ///
    /// A run that finds a cursor goes on from it and does not look at this, so the same command is right for the first run and
    /// for each one after it. With 'oldest' the first run begins with the oldest event that the server still has. The cursor may
    /// be a file, a key of NATS, a durable consumer, or the place that the stream of the output holds.
    #[arg(
        long,
        value_name = "CURSOR",
        env = "ROCKETMAN_BEGIN",
        conflicts_with = "cursor",
        hide_short_help = true
    )]
    pub(crate) begin: Option<String>,
    /// What to do when the server no longer has what was asked for
    ///
    /// A GAP line on stderr names the times from and to which events are missing. With fail, that ends the run with exit
    /// code 4, and a saved cursor stays before the gap. For a number that the server no longer has it names numbers. What is not
    /// certain is first asked for beside the stream; with fail, nothing is delivered meanwhile. With --did a pause may be the accounts' own, which the line then says.
    /// For a stream of NATS it names numbers: of the last message that was read, and of the first that is there. One that was
    /// deleted and made anew is a gap too, and so is one that ends before the cursor.
    ///
    /// replay reads what is missing from the archive of the service, and goes on where that ends; one service has to be named, and
    /// its archive may want a key (ROCKETMAN_JETSTREAM_KEY).
    ///
    /// Without it, a gap ends nothing, but one in a folder of segment files does, since what is missing there may still be
    /// brought: it is reported before the first event, which the rest follows up to the gap. Between files that are named one by
    /// one it is only said.
    #[arg(
        long,
        value_name = "ACTION",
        env = "ROCKETMAN_ON_GAP",
        hide_short_help = true
    )]
    pub(crate) on_gap: Option<OnGapArg>,
    /// Save the cursor file this often while it changes
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_SAVE_INTERVAL", value_parser = interval, default_value = "1s", hide_short_help = true)]
    pub(crate) save_interval: Duration,
    /// Go back this far from the highest time that was read where a resume is by time
    ///
    /// That is the case on a server that the cursor does not know, on one that counts its events anew, and on one that does not
    /// count them. It never goes back beyond the first event of the first run. Repeats that are recognised are dropped.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_REWIND", value_parser = duration, default_value = "60s", hide_short_help = true)]
    pub(crate) rewind: Duration,
}

/// What becomes of a message
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvelopeArg {
    /// Each is put into an envelope
    Always,
    /// Each that is not an event of a Jetstream is put into an envelope
    Auto,
    /// Each is a line as it is
    Never,
}

/// How to read a stream of NATS
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Streams of NATS")]
pub(crate) struct StreamArgs {
    /// Put messages into an envelope, or leave them as they are [default: auto]
    ///
    /// An envelope is one line of JSON: seq, the message's number in the stream; subject; time, when it was stored; headers, each
    /// with a list of values; type, the number in the header reflex_type, 0 without that and null where it is no number; key, the
    /// subject; and data, which is the payload where that is JSON, else a text, else in Base64, which encoding then says. Where the
    /// output is a stream of NATS too, messages stay what they are, and become lines only with this flag.
    #[arg(
        long,
        value_name = "WHEN",
        env = "ROCKETMAN_ENVELOPE",
        hide_short_help = true
    )]
    pub(crate) envelope: Option<EnvelopeArg>,
    /// Deliver each message only when it is this old
    ///
    /// By the time it was stored and the clock of this machine. For those who want to come after somebody else.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_LAG", value_parser = interval, hide_short_help = true)]
    pub(crate) lag: Option<Duration>,
    /// Share a durable consumer of this name with other workers
    ///
    /// Each message goes to one of them, and is acknowledged once the output has accepted it: any number of workers, on any machine,
    /// empty one stream. What a worker had and did not finish comes again, to anybody, 30s after it was heard of last. So a message
    /// may come more than once, and out of order; to read in order, or each event of an account on the same worker, use --shard.
    /// The server keeps the place: a consumer that is not there is made, and begins where --begin, --cursor or --since say, else with what
    /// comes next. Messages that limits remove before anybody had them are not missed.
    #[arg(
        long,
        value_name = "NAME",
        env = "ROCKETMAN_DURABLE",
        conflicts_with_all = ["cursor_file", "shard"],
        hide_short_help = true
    )]
    #[cfg_attr(feature = "nats", arg(conflicts_with = "cursor_kv"))]
    pub(crate) durable: Option<String>,
    /// Do this with a message of --durable that cannot be delivered: keep, stop, skip or dead-letter=FILE
    ///
    /// One that is larger than --max-frame-size, or with --envelope never no text. keep (the default) gives it back, and it comes
    /// again, to any worker, after waits that double from 1s to 10m, while the others flow; at most 10,000 can wait so. stop ends the run
    /// with exit code 1 and leaves it in the stream. skip terminates it: a work queue removes it. dead-letter=FILE appends it to
    /// FILE in its envelope, in the form of --on-exec-error, and acknowledges it once that is on the disk. A work queue takes
    /// no filter (--collection, --did, --kind, --op) unless this is skip, for what a filter drops is acknowledged and gone.
    #[arg(long, value_name = "WHAT", env = "ROCKETMAN_ON_UNDELIVERABLE", value_parser = on_undeliverable, requires = "durable", hide_short_help = true)]
    pub(crate) on_undeliverable: Option<OnUndeliverableArg>,
}

/// What becomes of a message of a durable consumer that cannot be delivered
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OnUndeliverableArg {
    /// It stays in the stream and comes again
    Keep,
    /// It stays in the stream, and the run ends
    Stop,
    /// It is terminated
    Skip,
    /// It is kept in a file
    DeadLetter(PathBuf),
}

fn on_undeliverable(text: &str) -> Result<OnUndeliverableArg, String> {
    match text.split_once('=') {
        None if text == "keep" => Ok(OnUndeliverableArg::Keep),
        None if text == "stop" => Ok(OnUndeliverableArg::Stop),
        None if text == "skip" => Ok(OnUndeliverableArg::Skip),
        Some(("dead-letter", file)) if !file.is_empty() => {
            Ok(OnUndeliverableArg::DeadLetter(file.into()))
        }
        _ => Err("write keep, stop, skip, or dead-letter=FILE".to_owned()),
    }
}

/// How to stay connected
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Give up after this many failed tries in a row; 0 for none
    ///
    /// Without it, it is tried for ever. Only new events end a row of failed tries. NATS servers of outputs and cursors count too,
    /// at the start and after they were connected.
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_MAX_RETRIES",
        hide_short_help = true
    )]
    pub(crate) max_retries: Option<u32>,
    /// Wait at most this long between two tries
    ///
    /// Waits begin below 250ms and double up to this, each at random between none and its limit.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_MAX_BACKOFF", value_parser = duration, default_value = "30s", hide_short_help = true)]
    pub(crate) max_backoff: Duration,
    /// Allow this long for a connection to open
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_CONNECT_TIMEOUT", value_parser = interval, default_value = "10s", hide_short_help = true)]
    pub(crate) connect_timeout: Duration,
    /// Reconnect when nothing at all was received for this long
    ///
    /// Pings are sent three times as often, so that even a quiet stream receives something. A stream of NATS sends heartbeats; after
    /// 9s without one, or after this time if it is shorter, it is read by another consumer.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_FRAME_TIMEOUT", value_parser = interval, default_value = "75s", hide_short_help = true)]
    pub(crate) frame_timeout: Duration,
    /// Try the next server when this one answers and brings no event for this long [default: 60s]
    ///
    /// A public stream always has something; any event counts, wanted or not, and only time in which one is waited for. Where there is
    /// no other server, the same one is connected to anew, and again at growing distances, which is no failed try. With
    /// --exit-at-end, the end is assumed once every server was silent for this long, a single one twice. With --did there
    /// may be nothing for hours, and it does not apply.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_QUIET_TIMEOUT", value_parser = interval, hide_short_help = true)]
    pub(crate) quiet_timeout: Option<Duration>,
    /// Refuse messages from the server that are larger than this
    #[arg(long, value_name = "BYTES", env = "ROCKETMAN_MAX_FRAME_SIZE", value_parser = small_size, default_value = "8M", hide_short_help = true)]
    pub(crate) max_frame_size: u32,
    /// Do not ask the server for compressed events
    #[arg(long, env = "ROCKETMAN_NO_COMPRESS", value_parser = yes_or_no, hide_short_help = true)]
    pub(crate) no_compress: bool,
    /// Inflate on N cores: 1 or 2 for servers, up to 64 for segment files
    ///
    /// A backlog of compressed events of a server is read faster with 2, for a little more of the processor in all. Live, the second
    /// one sleeps. Blocks of segment files are inflated and printed by this many threads, and come out in their order; each takes some
    /// 10 MB for the blocks of servers, and up to 50 MB for blocks of 16 MiB.
    #[arg(long, value_name = "N", env = "ROCKETMAN_THREADS", value_parser = |text: &str| up_to::<u8>(64, text), default_value = "1", hide_short_help = true)]
    pub(crate) threads: u8,
}
