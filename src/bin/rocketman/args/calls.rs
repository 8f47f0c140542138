//! Who may fetch an archive, and how much of it.

use std::path::PathBuf;

use clap::{Args, builder::RangedU64ValueParser};

use super::units::size;
use rocketman::serve::Quota;

/// Calls of an archive
#[derive(Debug, Args)]
#[command(next_help_heading = "Archive calls")]
pub(crate) struct CallArgs {
    /// Answer archive calls only with the key in this file
    ///
    /// planSnapshot, listSegments, getSegment and getBlock then need the header Authorization: Bearer KEY, and are answered with
    /// 401 without it. Streams of events and the dictionary need none. The file holds the key on one line. With --http-sink all requests need it.
    #[arg(
        long,
        value_name = "FILE",
        env = "ROCKETMAN_KEY_FILE",
        hide_short_help = true
    )]
    pub(crate) key_file: Option<PathBuf>,
    /// Give out BURST bytes at once and RATE bytes a second from then on, as in 1G,2M
    ///
    /// For all clients together. Every answer says the quota in the headers headwind-quota-burst-bytes,
    /// headwind-quota-refill-bytes and headwind-quota-refill-period-seconds. An answer that has begun comes to its end; while
    /// more was given out than there was, calls are answered with 429, and Retry-After says for how long.
    #[arg(long, value_name = "BURST,RATE", env = "ROCKETMAN_QUOTA", value_parser = quota, hide_short_help = true)]
    pub(crate) quota: Option<Quota>,
    /// The most files and ranges of blocks on a page of a plan [default: 100000]
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_PLAN_MAX_ENTRIES",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..),
        hide_short_help = true,
    )]
    pub(crate) plan_max_entries: Option<usize>,
}

impl CallArgs {
    /// A flag that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        [
            ("--key-file", self.key_file.is_some()),
            ("--quota", self.quota.is_some()),
            ("--plan-max-entries", self.plan_max_entries.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, is_given)| is_given.then_some(flag))
    }
}

fn quota(text: &str) -> Result<Quota, String> {
    let sizes = text.split_once(',');
    let sizes = sizes.map(|(burst, rate)| (size(burst.trim()), size(rate.trim())));
    match sizes {
        Some((Ok(burst), Ok(rate))) => Ok(Quota { burst, rate }),
        _ => Err("write two sizes, at once and a second: 10M,200K".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_two_sizes() {
        let expected = Quota {
            burst: 10 << 20,
            rate: 200 << 10,
        };
        assert_eq!(quota("10M,200k"), Ok(expected));
        assert_eq!(quota("10M, 204800"), Ok(expected));
        for text in ["10M", "10M,", "10M,0", "x,1", "1,2,3"] {
            assert!(quota(text).is_err(), "{text}");
        }
    }
}
