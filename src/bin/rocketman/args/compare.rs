//! Which two to compare, and over which time.

use std::time::Duration;

use clap::Args;

use super::{
    source::FilterArgs,
    units::{duration, yes_or_no},
};

/// All that can be typed after `rocketman compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The first: a server, a recording, or demo:
    ///
    /// Servers are written as for rocketman tail. A recording is a file that rocketman tail -o wrote, one event a line; files
    /// that end in .zst or .gz are inflated, and - is stdin.
    #[arg(value_name = "A")]
    pub(crate) a: String,
    /// The second, written like the first
    #[arg(value_name = "B")]
    pub(crate) b: String,
    /// Which events.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Compare from this time or age on: 2026-11-23T10:00:00Z, or 2h
    ///
    /// By default ten minutes ago, or all of it where one of the two is a recording.
    #[arg(
        long,
        value_name = "TIME",
        env = "ROCKETMAN_SINCE",
        help_heading = "Over which time"
    )]
    pub(crate) since: Option<String>,
    /// Compare the events before this time or age
    ///
    /// By default up to now, less --slack.
    #[arg(
        long,
        value_name = "TIME",
        env = "ROCKETMAN_UNTIL",
        help_heading = "Over which time"
    )]
    pub(crate) until: Option<String>,
    /// Give an event this long to come from the other, in time of the stream
    ///
    /// Each server stamps events with a time of its own, up to half a minute apart where one was restarted. An event counts as missing
    /// where the other was read from this long before it to this long after it. All events of so much time are held in memory.
    #[arg(
        long,
        value_name = "DURATION",
        env = "ROCKETMAN_SLACK",
        value_parser = duration,
        default_value = "60s",
        help_heading = "Over which time"
    )]
    pub(crate) slack: Duration,
    /// Print each missing event and a summary as JSON, one object a line
    ///
    /// The keys are listed below.
    #[arg(long, env = "ROCKETMAN_JSON", value_parser = yes_or_no)]
    pub(crate) json: bool,
}

pub(super) const AFTER_COMPARE: &str = "\
Events are the same by what they are, whatever their numbers and times: commits by
account, revision, collection, key and operation; others by kind, account and the
number of the relay. Reordered is an event that came before another of its account
from one and after it from the other. Blind is who has no event of a collection any
more, up to the end of the window, while the other has ten or more.

Keys of --json, first a line for each missing event:
  type               missing
  missing_in         a or b
  time_us            the time that the other gives it
  kind, did          and of commits collection, rkey, rev, operation
Then one line:
  type               summary
  from_us, until_us  the window that both have
  a, b               source, events (in the window), missing, repeated
  both               how many events both have
  reordered          how many came in another order
  collections        for each: collection, both, missing_in_a, missing_in_b, and
                     a_blind_from_us, b_blind_from_us or null
  stretches          for each: missing_in, from_us, until_us, events

Exit codes:
  0    both have the same events
  1    events are missing, or nothing could be compared
  2    wrong usage or configuration
  3    a server could not be reached
  6    refused by a server
  130  interrupted by Ctrl-C";
