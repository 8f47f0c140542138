//! What to serve, and how.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

use super::units::{listen_address, yes_or_no};

use super::{
    calls::CallArgs,
    receiver::ReceiverArgs,
    source::KINDS,
    units::{interval, is_size, size},
};

/// All that can be typed after `rocketman serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// What to serve: recordings, in order, segment files, a live stream, or demo: for invented events [default: demo:]
    ///
    /// A recording is a file that rocketman tail -o wrote, or what it wrote to stdout: one event a line. Files that end in .zst
    /// or .gz are inflated. Recordings may be larger than memory. Lines that are no events are named and left out.
    ///
    /// Segment files (.jss), or folders of them, are the history of a server, or what rocketman pack made. They are served under
    /// their own numbers and times, as fast as consumers take them unless --speed says otherwise; a time that a consumer asks
    /// for is that at which the server saw an event. Only sealed files are served. The calls by which a history is fetched
    /// (planSnapshot, listSegments, getSegment, getBlock) are answered as well.
    ///
    /// A live stream is read once, kept on the disk, and served to any number of consumers, under numbers of its own: servers of a
    /// Jetstream (https://HOST or wss://HOST/subscribe, several in order of preference), a stream of NATS (nats://HOST/STREAM or
    /// nats:STREAM), or - for stdin, one event a line. See --store and --retain. With --speed, --rebase or --loop, stdin is a
    /// recording, and is read to its end first.
    ///
    /// demo: makes up events in the mix and the sizes of the real stream; demo:?rate=1000&seed=7 says how many there are in
    /// a second (or max) and which. With the same rate and seed a number is the same event at the same time, counted from
    /// 2026-01-01; with max, at 1,000 events a second.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Vec<String>,
    /// Listen at this address
    ///
    /// Everybody who can reach it can read what is served; 127.0.0.1 is for this machine only. With port 0 any free one is taken. The
    /// whole address is shown on stderr.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "ROCKETMAN_LISTEN",
        value_parser = listen_address,
        default_value = "127.0.0.1:6008"
    )]
    pub(crate) listen: SocketAddr,
    /// Answer requests that name this host (can be repeated)
    ///
    /// At a loopback address only requests that name an address, localhost or *.localhost are answered, for any web page can
    /// have a name of its own lead to this machine. NAME, NAME:PORT, *.NAME for all below it, or * for any. At other addresses
    /// any name is answered.
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_host: Vec<String>,
    /// Let web pages of this origin connect (can be repeated)
    ///
    /// A browser lets any page open a WebSocket, and says whose it is. Pages of this machine and those of the host that is asked
    /// are answered; others only where they are named: https://app.example, null for pages without an origin, or * for all.
    /// What is no browser names no origin, and is always answered.
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<String>,
    /// Speak as servers do that number no events
    ///
    /// Events carry no cursor, every cursor that is asked for is a time in microseconds, and there is no v2 wire.
    #[arg(long, env = "ROCKETMAN_LEGACY", value_parser = yes_or_no)]
    pub(crate) legacy: bool,
    /// What of a live stream is kept.
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    /// Who may fetch an archive, and how much of it.
    #[command(flatten)]
    pub(crate) calls: CallArgs,
    /// What is received instead.
    #[command(flatten)]
    pub(crate) receiver: ReceiverArgs,
    /// Play recordings this many times as fast as they were made, or max for no waits [default: 1, of segment files max]
    ///
    /// The clock starts with the first consumer; who comes later is where the clock is, and can go back with a cursor. With
    /// max there is no "now", and who names no cursor begins at the first event.
    #[arg(
        long,
        value_name = "FACTOR",
        env = "ROCKETMAN_SPEED",
        value_parser = speed,
        help_heading = "Recordings",
    )]
    pub(crate) speed: Option<Speed>,
    /// Give recorded events the time at which they are sent
    ///
    /// With --speed max the last event gets the moment at which the first consumer came.
    #[arg(long, env = "ROCKETMAN_REBASE", value_parser = yes_or_no, help_heading = "Recordings")]
    pub(crate) rebase: bool,
    /// Begin anew at the end of recordings
    ///
    /// Numbers and times go on, so that consumers see one stream.
    #[arg(long = "loop", env = "ROCKETMAN_LOOP", value_parser = yes_or_no, conflicts_with = "exit_at_end", help_heading = "Recordings")]
    pub(crate) repeat: bool,
    /// End when consumers have everything, and none is left
    ///
    /// Each connection is closed at the end. By default connections are held, as by a stream on which nothing happens.
    #[arg(short, long, env = "ROCKETMAN_EXIT_AT_END", value_parser = yes_or_no, help_heading = "Recordings")]
    pub(crate) exit_at_end: bool,
    /// Make this go wrong, so that you see how your consumer copes (can be repeated)
    ///
    /// cut-every=N, stall-after=N, garbage-every=N, duplicate-every=N, refuse=STATUS:TIMES, close=CODE@N, renumber@N, too-old,
    /// outdated, blind=COLLECTION@N, drop=M/N, and those of archive calls and of --http-sink: see below. Events are counted on each connection
    /// anew, so that it is the same every time; seed=N decides which garbage comes, which events are dropped, and which
    /// archive calls and requests are met.
    #[arg(long, value_name = "FAULT", help_heading = "Rehearsal")]
    pub(crate) fault: Vec<String>,
}

/// A live stream
#[derive(Debug, Args)]
#[command(next_help_heading = "Live streams")]
pub(crate) struct LiveArgs {
    /// Keep a live stream in this folder, and go on from there at the next start
    ///
    /// An event is written there before anybody is sent it, so that its number is never given to another one, and consumers go on
    /// where they were after any end. It is made durable once a second; what a machine that goes down had not, comes again
    /// from upstream under other numbers. Where upstream it ends stands beside. One process can have it. Without it,
    /// events are kept in temporary files that go with the process, and the stream begins anew at each start.
    #[arg(long, value_name = "FOLDER", env = "ROCKETMAN_STORE")]
    pub(crate) store: Option<PathBuf>,
    /// Keep so much of a live stream: a time, a size, or both as in 36h,100G [default: 10G, or 1G without --store]
    ///
    /// Time counts from when events came. The oldest go first, about a 64th at once. A cursor from before what is kept is
    /// answered with CursorTooOld on the v2 wire, and begins at the first event on v1. A consumer that falls behind it is cut off.
    #[arg(long, value_name = "TIME|SIZE", env = "ROCKETMAN_RETAIN", value_parser = retain)]
    pub(crate) retain: Option<Retain>,
    /// Begin here where nothing is kept yet: a cursor, a time, an age, or 'oldest'
    ///
    /// As --begin of rocketman tail. By default the stream begins with what comes next.
    #[arg(
        long,
        value_name = "CURSOR",
        env = "ROCKETMAN_BEGIN",
        hide_short_help = true
    )]
    pub(crate) begin: Option<String>,
    /// Keep only records of this collection, or of all with a prefix: 'app.bsky.feed.*' (can be repeated)
    ///
    /// Upstream is asked for no others. Unless --kind says otherwise, only commits are then kept.
    #[arg(short, long, value_name = "NSID")]
    pub(crate) collection: Vec<String>,
    /// Keep only this account, or those listed in @FILE (can be repeated)
    #[arg(short, long, value_name = "DID", hide_short_help = true)]
    pub(crate) did: Vec<String>,
    /// Keep only this kind of event (can be repeated)
    #[arg(short, long, value_name = "KIND", value_parser = KINDS, hide_short_help = true)]
    pub(crate) kind: Vec<String>,
}

impl LiveArgs {
    /// A flag that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        [
            ("--store", self.store.is_some()),
            ("--retain", self.retain.is_some()),
            ("--begin", self.begin.is_some()),
            ("--collection", !self.collection.is_empty()),
            ("--did", !self.did.is_empty()),
            ("--kind", !self.kind.is_empty()),
        ]
        .into_iter()
        .find_map(|(flag, is_given)| is_given.then_some(flag))
    }
}

/// How much is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Retain {
    pub(crate) age: Option<Duration>,
    pub(crate) bytes: Option<u64>,
}

/// Files of a store are not worth less.
const LEAST_BYTES: u64 = 1 << 20;

const RETAIN_FORMS: &str = "write one time, one size, or one of each: 36h,100G";

fn retain(text: &str) -> Result<Retain, String> {
    let mut retain = Retain::default();
    for part in text.split(',').map(str::trim) {
        let is_new = if is_size(part) {
            let bytes = size(part).map_err(|_| RETAIN_FORMS.to_owned())?;
            if bytes < LEAST_BYTES {
                return Err("it has to be at least 1M, and a time has a unit, as in 36h".to_owned());
            }
            retain.bytes.replace(bytes).is_none()
        } else {
            retain.age.replace(interval(part)?).is_none()
        };
        if !is_new {
            return Err(RETAIN_FORMS.to_owned());
        }
    }
    Ok(retain)
}

/// How fast recordings are played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Speed {
    /// How many seconds are one.
    Factor(f64),
    /// Without waits.
    Max,
}

impl Speed {
    /// How many seconds of the stream pass in one; none for no waits.
    pub(crate) fn factor(self) -> Option<f64> {
        match self {
            Self::Factor(factor) => Some(factor),
            Self::Max => None,
        }
    }
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.parse() {
        Ok(factor) if (0.001..=1_000_000.0).contains(&factor) => Ok(Speed::Factor(factor)),
        _ => Err("write a number such as 1, 10 or 0.5, at most 1000000, or max".to_owned()),
    }
}

pub(super) const AFTER_SERVE: &str = "\
Faults, and what a good consumer does:
  cut-every=N         the connection ends without a close frame behind each Nth
                      event: connect again, go on at the last event, and know it
                      when it comes again
  stall-after=N       nothing comes any more behind the Nth event of a connection,
                      not even the answer to a ping: give it up after a while of
                      silence (75 s or so), and connect again
  garbage-every=N     a message that is no event behind each Nth event: count it,
                      step over it, and stay connected
  duplicate-every=N   each Nth event comes twice: do the same thing twice without
                      harm, or know it by its did, rev, collection, rkey and
                      operation
  refuse=STATUS:TIMES the first TIMES requests get this HTTP status: wait longer
                      from try to try and honour Retry-After for 429 and 5xx; give
                      up on other 4xx
  close=CODE@N        the connection is closed with this code behind its Nth event:
                      connect again, as after a cut
  renumber@N          behind the event of number N the server is killed, and
                      gives the numbers of the last events to others: ask for the
                      last number, see that it is another event, go on by time
  too-old             a cursor by number lies before all events: CursorTooOld on
                      the v2 wire, and the live tip without a word on v1: say
                      what is missing
  outdated            the same of a cursor by time: OutdatedCursor on the v2 wire
  blind=COLLECTION@N  from number N on a collection (or prefix.*) is missing, for
                      every consumer: rocketman compare tells
  drop=M/N            M of N events are missing, the same for every consumer

Faults of archive calls, which are counted over all connections:
  archive-errors=M/N  M of N calls get a 500 or a 503: try again, longer from try
                      to try
  archive-429=M/N     they get a 429, with a Retry-After in seconds or as a date:
                      wait for so long
  archive-cut=M/N     the connection ends within their body: go on at the byte,
                      with If-Range
  archive-stall=M/N   their body stops, and the connection stays open: give it up
                      after a while
  archive-200=M/N     a range of theirs is answered with the whole body and 200:
                      take what is needed of it
  archive-416=M/N     a range of theirs is answered with 416 and no ETag: plan
                      anew, and try again
  archive-etag@N      behind the Nth call every file is another generation: its
                      checksum and ETag change, its rows do not; plan anew
  archive-redirect=ORIGIN
                      getSegment and getBlock are answered with 302 to this
                      origin: follow it, without the key
  archive-refuse-authorization
                      calls that carry an Authorization get a 400, which is said
                      and counted: the other end of such a redirect

Faults of --http-sink, whose requests are counted over all connections:
  sink-errors=M/N     M of N requests get a 500 or a 503: try again, longer from
                      try to try
  sink-429=M/N:SECONDS
                      they get a 429 with this Retry-After (1 without one): wait
                      for so long
  sink-stall=M/N      they get no answer, and the connection stays open: give it up
                      after a while; half of them were accepted nevertheless
  sink-cut=M/N        the connection ends without an answer: the same
  sink-close=M/N      the connection is closed behind the answer, without a word:
                      send the next request over another
  sink-slow=M/N       the body is read slowly: leave it the time
  sink-refuse=RKEY    a request with an event of this record key gets a 422: find
                      it, leave it out, and send the others
  sink-expire=N       the key in --key-file is good for N requests, and then they
                      get a 401 until another is in that file: wait, lose nothing

Exit codes:
  0    asked to stop by SIGTERM or SIGHUP, or everything was served, with
       --exit-at-end
  1    failed while running; with --http-sink also where events came out of
       order
  2    wrong usage, a recording or a store that cannot be read, or an address
       that cannot be listened at
  6    the server of a live stream refused the request
  7    another process uses the store
  130  interrupted by Ctrl-C";
