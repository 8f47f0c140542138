//! NATS: who you are, and the stream to write to.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};

use super::units::{at_least_1, duration, interval, size, yes_or_no};

/// NATS
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "NATS")]
pub(crate) struct NatsArgs {
    /// Use this context of the nats command, or the one in this file
    ///
    /// Servers, credentials and TLS are those of the nats command: its flags here, its variables, and the context that it has
    /// selected, in this order. No flag and no address takes a secret: those are read from NATS_USER, NATS_PASSWORD, NATS_TOKEN,
    /// NATS_JWT and NATS_SEED, or from the files that NATS_CREDS and NATS_NKEY name. NATS_URL lists the servers of nats:STREAM.
    #[arg(
        long,
        value_name = "NAME",
        env = "NATS_CONTEXT",
        hide_short_help = true
    )]
    pub(crate) context: Option<String>,
    /// Use no context, not even the selected one
    #[arg(long, env = "ROCKETMAN_NO_CONTEXT", value_parser = yes_or_no, conflicts_with = "context", hide_short_help = true)]
    pub(crate) no_context: bool,
    /// Log in with this credentials file
    #[arg(long, value_name = "FILE", env = "NATS_CREDS", hide_short_help = true)]
    pub(crate) creds: Option<PathBuf>,
    /// Log in with the nkey whose seed is in this file
    #[arg(long, value_name = "FILE", env = "NATS_NKEY", hide_short_help = true)]
    pub(crate) nkey: Option<PathBuf>,
    /// Show this certificate to the server
    #[arg(long, value_name = "FILE", env = "NATS_CERT", hide_short_help = true)]
    pub(crate) tlscert: Option<PathBuf>,
    /// The key of that certificate
    #[arg(long, value_name = "FILE", env = "NATS_KEY", hide_short_help = true)]
    pub(crate) tlskey: Option<PathBuf>,
    /// Trust the certificates in this file, instead of the platform's
    #[arg(long, value_name = "FILE", env = "NATS_CA", hide_short_help = true)]
    pub(crate) tlsca: Option<PathBuf>,
    /// Begin with TLS before the server has said anything
    #[arg(long, env = "ROCKETMAN_TLSFIRST", value_parser = yes_or_no, hide_short_help = true)]
    pub(crate) tlsfirst: bool,
    /// The JetStream domain
    #[arg(
        long,
        value_name = "DOMAIN",
        env = "ROCKETMAN_JS_DOMAIN",
        conflicts_with = "js_api_prefix",
        hide_short_help = true
    )]
    pub(crate) js_domain: Option<String>,
    /// What requests to JetStream begin with, instead of $JS.API
    #[arg(
        long,
        value_name = "PREFIX",
        env = "ROCKETMAN_JS_API_PREFIX",
        hide_short_help = true
    )]
    pub(crate) js_api_prefix: Option<String>,
    /// What inboxes begin with, instead of _INBOX
    #[arg(
        long,
        value_name = "PREFIX",
        env = "ROCKETMAN_INBOX_PREFIX",
        hide_short_help = true
    )]
    pub(crate) inbox_prefix: Option<String>,
    /// How the connection is called in the server's lists [default: rocketman]
    #[arg(
        long,
        value_name = "NAME",
        env = "ROCKETMAN_CONNECTION_NAME",
        hide_short_help = true
    )]
    pub(crate) connection_name: Option<String>,
    /// How long a server may take for an answer [default: 5s]
    #[arg(long, value_name = "DURATION", env = "NATS_TIMEOUT", value_parser = interval, hide_short_help = true)]
    pub(crate) nats_timeout: Option<Duration>,
    /// One of these flags that stands on the command line: their variables may be there for the nats command.
    #[arg(skip)]
    pub(crate) typed: Option<&'static str>,
}

impl NatsArgs {
    /// Notes one of the flags that was typed.
    pub(super) fn note(&mut self, is_typed: impl Fn(&str) -> bool) {
        let flags = [
            ("context", "--context"),
            ("no_context", "--no-context"),
            ("creds", "--creds"),
            ("nkey", "--nkey"),
            ("tlscert", "--tlscert"),
            ("tlskey", "--tlskey"),
            ("tlsca", "--tlsca"),
            ("tlsfirst", "--tlsfirst"),
            ("js_domain", "--js-domain"),
            ("js_api_prefix", "--js-api-prefix"),
            ("inbox_prefix", "--inbox-prefix"),
            ("connection_name", "--connection-name"),
            ("nats_timeout", "--nats-timeout"),
        ];
        let typed = flags.into_iter().find(|(id, _)| is_typed(id));
        self.typed = typed.map(|(_, flag)| flag);
    }
}

/// A cursor in a bucket of NATS
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "From where on")]
pub(crate) struct KvCursorArgs {
    /// Go on from this key in a bucket of NATS, and keep it up to date
    ///
    /// Written nats://HOST[:PORT]/BUCKET/KEY, or nats:BUCKET/KEY for the servers of the selected context. As with a cursor file; but
    /// the next run may be on another machine. A second process with the same key says so, and ends with exit code 7.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "ROCKETMAN_CURSOR_KV",
        conflicts_with = "cursor_file",
        hide_short_help = true
    )]
    pub(crate) cursor_kv: Option<String>,
    /// Make the bucket if it is not there
    #[arg(long, env = "ROCKETMAN_CREATE_BUCKET", value_parser = yes_or_no, requires = "cursor_kv", hide_short_help = true)]
    pub(crate) create_bucket: bool,
}

/// Where a stream is kept
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StorageArg {
    /// In files
    File,
    /// In memory, where it is gone with the server
    Memory,
}

/// What a full stream does
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiscardArg {
    /// Discard its oldest messages
    Old,
    /// Refuse new messages
    New,
}

/// A stream of NATS to write to
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Writing to a stream of NATS")]
pub(crate) struct StreamSinkArgs {
    /// Make the stream if it is not there
    ///
    /// With all subjects below the prefix, kept in files for 180 days; the flags below change that. A stream that is there is
    /// used as it is.
    #[arg(long, env = "ROCKETMAN_CREATE_STREAM", value_parser = yes_or_no, hide_short_help = true)]
    pub(crate) create_stream: bool,
    /// Put one of N partitions into the subjects, by account
    ///
    /// Subjects are then PREFIX.PARTITION.KIND and so on. Consumers of one partition see all of an account, in order, and
    /// nothing of the others. The partition is what partition() of a server's subject transform computes too.
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_PARTITIONS",
        hide_short_help = true
    )]
    pub(crate) partitions: Option<NonZeroU32>,
    /// Have at most N messages on their way to the stream [default: 1024]
    ///
    /// Fewer where they are large: two mebibytes together.
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_PUBLISH_WINDOW",
        hide_short_help = true
    )]
    pub(crate) publish_window: Option<NonZeroUsize>,
    /// Keep the stream that is made in files or in memory
    #[arg(
        long,
        value_name = "STORAGE",
        env = "ROCKETMAN_STREAM_STORAGE",
        requires = "create_stream",
        default_value = "file",
        hide_short_help = true
    )]
    pub(crate) stream_storage: StorageArg,
    /// Keep the stream that is made on N servers of a cluster
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_STREAM_REPLICAS",
        requires = "create_stream",
        default_value = "1",
        hide_short_help = true
    )]
    pub(crate) stream_replicas: NonZeroUsize,
    /// Have the stream that is made keep messages for so long; 0s means for ever
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_STREAM_MAX_AGE", requires = "create_stream", value_parser = duration, default_value = "180d", hide_short_help = true)]
    pub(crate) stream_max_age: Duration,
    /// Have the stream that is made keep at most this number of bytes
    #[arg(
        long,
        value_name = "BYTES",
        env = "ROCKETMAN_STREAM_MAX_BYTES",
        requires = "create_stream",
        value_parser = size,
        hide_short_help = true
    )]
    pub(crate) stream_max_bytes: Option<u64>,
    /// Have the stream that is made keep at most this number of messages
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_STREAM_MAX_MSGS",
        requires = "create_stream",
        value_parser = at_least_1,
        hide_short_help = true
    )]
    pub(crate) stream_max_msgs: Option<u64>,
    /// What the stream that is made does at these limits
    #[arg(
        long,
        value_name = "WHICH",
        env = "ROCKETMAN_STREAM_DISCARD",
        requires = "create_stream",
        default_value = "old",
        hide_short_help = true
    )]
    pub(crate) stream_discard: DiscardArg,
    /// For how long the server knows duplicates in the stream that is made
    ///
    /// Nothing that is promised rests on it.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_STREAM_DUPE_WINDOW", requires = "create_stream", value_parser = interval, default_value = "5m", hide_short_help = true)]
    pub(crate) stream_dupe_window: Duration,
}
