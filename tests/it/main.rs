//! Whole-program tests: the real binary against real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say why they skip"
)]
#![allow(missing_docs, unreachable_pub, reason = "nothing here is public")]

mod support;

mod bad_events;
mod bad_input;
mod check;
mod compare;
mod completions;
mod comply;
mod connection;
mod cursor;
mod demo;
mod docs;
mod fate;
mod faults;
mod flags;
mod fold;
mod format;
mod generated;
mod help;
mod history;
mod house;
mod http_sink;
mod ingest;
mod inspect;
mod limits;
mod messages;
mod nats;
mod operation;
mod pack;
mod packaging;
mod picture;
mod probe;
mod properties;
mod real_server;
mod reconnect;
mod segments;
mod serve;
mod shard;
mod sink_exec;
mod sink_file;
mod sink_files;
mod sink_stdout;
mod soak;
mod sqlite;
mod status_line;
mod stop;
mod tail;
mod unmatched;
mod usage;
mod v2;
