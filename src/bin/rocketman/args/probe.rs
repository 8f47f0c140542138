//! Which servers to look at, and how to show them.

use std::time::Duration;

use clap::Args;

use super::units::{interval, yes_or_no};

/// All that can be typed after `rocketman probe`.
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// Servers to look at
    ///
    /// They are written as for rocketman tail. Without any, the public instances of Bluesky are looked at. ROCKETMAN_SOURCE
    /// lists servers, separated by blanks.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Vec<String>,
    /// Allow this long for each server
    ///
    /// A server whose stream is quiet takes all of it.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_TIMEOUT", value_parser = interval, default_value = "10s")]
    pub(crate) timeout: Duration,
    /// Print one JSON object a line for each server instead of a table
    ///
    /// The keys are listed below.
    #[arg(long, env = "ROCKETMAN_JSON", value_parser = yes_or_no)]
    pub(crate) json: bool,
}

pub(super) const AFTER_PROBE: &str = "\
Columns:
  CONNECT  time to connect: name look-up, TCP and TLS
  UPGRADE  time from the request to the WebSocket
  PING     time of a WebSocket ping, there and back
  BEHIND   how old the newest live event is, by the server's clock; 'quiet' when
           none came in time
  SERVER   'new' for one that counts its events, 'legacy' for one that does not
  V2       whether it has the v2 wire too
  WINDOW   how far back it goes: the age of the first event for a cursor of long
           ago; 'none' when that event was a live one
  ZSTD     how many times smaller compressed events are; 'no' when plain ones came
  A '?' stands for what the server did not tell.

Keys of --json, null for what the server did not tell:
  source             the whole address
  usable             true when it sends events, or answers pings on a quiet stream
  error              why it is not usable
  http_status        the HTTP status in place of the upgrade
  connect_ms, upgrade_ms, ping_ms, behind_ms, window_ms
                     as in the table; behind_ms is null on a quiet stream, window_ms
                     is 0 for 'none'
  clock_ahead_ms     this machine's clock less the server's Date; 0 where they
                     agree within two seconds
  sends_cursor       whether events carry the server's own number, as 'cursor'
  v2                 whether /xrpc/network.bsky.jetstream.getZstdDictionary
                     answers with a dictionary
  v2_dictionary      the id of that dictionary
  newest_time_us     time of the newest live event, in microseconds since 1970
  oldest_time_us     time of the first event for a cursor of long ago
  compressed         whether zstd came when it was asked for
  compression_ratio  size of the events, divided by their compressed size

Exit codes:
  0    at least one server is usable
  1    failed while running, or stopped by SIGTERM or SIGHUP
  2    wrong usage or configuration
  3    no server is usable
  6    no server is usable, and each refused with a 3xx or 4xx other than 408,
       425 and 429
  130  interrupted by Ctrl-C

The environment counts as for rocketman tail, with proxies and certificates.";
