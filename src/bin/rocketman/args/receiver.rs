//! How webhooks are received.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::units::listen_address;

/// A receiver of webhooks
#[derive(Debug, Args)]
#[command(next_help_heading = "Webhooks")]
pub(crate) struct ReceiverArgs {
    /// Receive events over HTTP instead, at this address
    ///
    /// As rocketman tail -o http://ADDRESS/ sends them; none are served at --listen then. What comes by POST, PUT or PATCH, in lines or as an
    /// array of JSON, compressed or not, is printed on stdout, one event a line, and then answered with 204: so nothing that was accepted is
    /// missing from stdout, whoever is killed. At the end it is said how many events came in how many requests, how many came again, and how many
    /// after a later event of their account: then the exit code is 1. With --key-file requests have to carry Authorization: Bearer KEY. See
    /// Rehearsal for faults.
    #[arg(long, value_name = "ADDRESS", env = "ROCKETMAN_HTTP_SINK", value_parser = listen_address)]
    pub(crate) http_sink: Option<SocketAddr>,
    /// Accept only requests that are signed with the secret in this file, as Standard Webhooks has it
    ///
    /// One secret, or two while one takes the other's place; a request may be five minutes old. ROCKETMAN_HTTP_SIGN_SECRETS holds the same
    /// without a file. Others get 401.
    #[arg(
        long,
        value_name = "FILE",
        env = "ROCKETMAN_HTTP_SIGN_FILE",
        hide_short_help = true
    )]
    pub(crate) http_sign_file: Option<PathBuf>,
}
