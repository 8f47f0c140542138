//! How the archive of a service is read.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::units::{size, yes_or_no};

/// How the archive of a service is read
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Archive of a service")]
pub(crate) struct HistoryArgs {
    /// Say what it would cost, and read nothing
    ///
    /// Files, blocks and bytes by the filter, what other kinds would cost, and how long it takes by what the operator allows. From
    /// the place of --cursor-file, if there is one. No output is opened, so it can be added to any command line.
    #[arg(long, env = "ROCKETMAN_PLAN", value_parser = yes_or_no)]
    pub(crate) plan: bool,
    /// Copy whole files into this folder, and print nothing
    ///
    /// The files that hold what is wanted, each verified before it gets its name, with a manifest of what they are. What is there
    /// already of the same archive and filter is kept, and what was broken off goes on. rocketman replay DIR reads it, proves it by
    /// the manifest, and refuses a wider filter; rocketman serve DIR serves it. --plan says what whole files take.
    #[arg(long, value_name = "DIR", env = "ROCKETMAN_DOWNLOAD", value_hint = ValueHint::DirPath, hide_short_help = true, conflicts_with_all = ["plan", "follow", "output", "exec", "cursor_file", "count", "until"])]
    pub(crate) download: Option<PathBuf>,
    /// Go on live behind the archive, in place of ending
    ///
    /// Nothing is missing and nothing comes twice where the archive ends and the socket of the service begins. Where the socket no
    /// longer has what comes next, that is read from the archive. --exit-at-end cannot be given with it.
    #[arg(long, env = "ROCKETMAN_FOLLOW", value_parser = yes_or_no, conflicts_with = "exit_at_end")]
    pub(crate) follow: bool,
    /// Read the key of the archive from this file
    ///
    /// The variable ROCKETMAN_JETSTREAM_KEY holds the key itself. It is sent to the archive of the named host only, over TLS or on
    /// this machine, and never shown. The public archive gives keys at bsky.network/account.
    #[arg(long, value_name = "FILE", env = "ROCKETMAN_KEY_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key_file: Option<PathBuf>,
    /// Read at most this much of the archive, and end there
    ///
    /// A run with the same --cursor-file goes on behind it. Operators meter bytes: the public archive gives 1 GB, and then 2 MB
    /// a second.
    #[arg(long, value_name = "SIZE", env = "ROCKETMAN_MAX_BYTES", value_parser = size)]
    pub(crate) max_bytes: Option<u64>,
    /// Read at most this much of the archive a second
    ///
    /// What the operator allows is kept to without it, where the server says what that is.
    #[arg(long, value_name = "SIZE", env = "ROCKETMAN_MAX_RATE", value_parser = size, hide_short_help = true)]
    pub(crate) max_rate: Option<u64>,
}

impl HistoryArgs {
    /// One of them that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--plan", self.plan),
            ("--download", self.download.is_some()),
            ("--follow", self.follow),
            ("--key-file", self.key_file.is_some()),
            ("--max-bytes", self.max_bytes.is_some()),
            ("--max-rate", self.max_rate.is_some()),
        ];
        flags
            .into_iter()
            .find_map(|(flag, is_given)| is_given.then_some(flag))
    }
}
